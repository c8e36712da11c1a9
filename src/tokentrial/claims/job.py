"""The job of the verdicts: from a run's tables and the documents to a verdict on every claim."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial import checkout
from tokentrial.claims import freeze, frozen, registry, verdicts
from tokentrial.claims.rules import Results

PAPERS = "TOKENTRIAL_PAPERS"
"""The environment variable that names the folder of the documents' texts."""


def write_verdicts(
    tables: Mapping[str, str],
    documents: Sequence[str],
    schema: str,
    settings: Mapping[str, Any],
    seed: int,
    designs: Mapping[str, str],
    rules: str,
    output: str,
) -> None:
    """Judges every claim of the registry and writes both files of verdicts beside ``output``, the Parquet file.

    tables: see run.view.View.read; documents: the folders of the registry; settings: the config's statistics; seed,
    designs: the run's (see claims.frozen); rules: the frozen rules. The documents' text is compared with the quotes
    if the environment variable `PAPERS` names its folder. Raises InputError where an entry or a table cannot be used.
    """
    folders = [Path(folder) for folder in documents]
    if papers := os.environ.get(PAPERS):  # depends on the machine, so it is no parameter of the rule
        registry.check_texts(papers, folders)
    run = Results.read(tables, settings["confidence"])
    assert isinstance(run, Results)
    judging = frozen.Judging(seed, dict(settings), dict(designs), freeze.code(checkout.ROOT))
    fixed = freeze.fixed_by(frozen.read(rules), judging)
    verdicts.write(Path(output).parent, verdicts.judge(registry.load(folders, schema), run, fixed))
