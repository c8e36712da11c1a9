"""Which files of a run may be published."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from tokentrial.publish.crate import files

WRITTEN: list[Callable[[str], str]] = [str, repr, json.dumps, yaml.safe_dump, quote, shlex.quote]


@pytest.mark.parametrize("write", WRITTEN, ids=lambda write: write.__name__)
@pytest.mark.parametrize("name", ["plain", "o'brien", 'quo"te', "back\\slash", "a b", "ünïcode", "100%"])
def test_a_path_gives_the_machine_away_however_it_is_written(
    name: str, write: Callable[[str], str], tmp_path: Path
) -> None:
    folder, log = tmp_path / name, tmp_path / "log"
    private = files.markers(files.Project.of(folder), {})
    log.write_text(f"found {write(str(folder))} there", encoding="utf-8")
    assert files.gives_away(log, private)
    log.write_text("found results/runs.parquet there", encoding="utf-8")
    assert not files.gives_away(log, private)
