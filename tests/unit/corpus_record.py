"""A record of a corpus beside text files of a test's own."""

import json
from collections.abc import Mapping
from pathlib import Path

from tokentrial.data.corpora import Corpus, checksum


def recorded(paths: Mapping[str, str | Path], pretokenised: bool = True, title: str = "A text") -> str:
    """The path of the record of these files (split -> path), written into their folder."""
    sizes = {split: {"sha256": checksum(Path(path).read_bytes())} for split, path in paths.items()}
    record = Path(next(iter(paths.values()))).with_name("corpus.json")
    corpus = Corpus("own", title, "own", None, None, pretokenised, sizes)
    record.write_text(json.dumps(corpus._asdict()), encoding="utf-8")
    return str(record)
