"""One config of all four studies gives the same rows, to the last bit, however it is run.

A seed alone and in a batch is tested in unit/test_training_seeds.py, test_training_language_job.py,
test_released_bespoke_job.py and test_cramming_engine.py; a killed job that goes on in test_language_models.py,
test_cramming.py and unit/test_cramming_pretraining.py.
"""

from typing import Any

import pandas as pd
import pytest
from small_project import VARIABLE, Project, copy_project, every_study_config

from tokentrial.publish.reference.rows import MACHINE

pytestmark = pytest.mark.slow

TABLES = ("runs", "arms", "summary", "statistics", "cramming")
TARGETS = tuple(f"results/{name}.parquet" for name in TABLES)
STUDIES = ("learned_encoding", "language_models", "bespoke", "cramming", "real_model")
HALVES = (STUDIES[2:], STUDIES[:2])


@pytest.fixture(scope="module")
def one_by_one(text: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The config of ``every_study`` run one job at a time, the last studies first."""
    project = copy_project(tmp_path_factory.mktemp("one_by_one"), every_study_config())
    project.environment[VARIABLE] = text
    for half in HALVES:
        project.build(*(f"study_{study}" for study in reversed(half)), cores=1)
    project.build(*reversed(TARGETS), cores=1)
    return project


def order(project: Project) -> list[str]:
    """The jobs' measurements in the order in which they were written."""
    folder = project.folder / "results/runs"
    paths = sorted(folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    return [path.relative_to(folder).with_suffix("").as_posix() for path in paths]


def turned(value: Any) -> Any:
    """The same settings, with the keys of every mapping in reverse order."""
    if isinstance(value, dict):
        return {key: turned(entry) for key, entry in reversed(value.items())}
    return value


def test_neither_cores_nor_the_order_of_jobs_change_a_bit(every_study: Project, one_by_one: Project) -> None:
    first, second = order(every_study), order(one_by_one)
    assert sorted(first) == sorted(second) and first != second
    places = [job.split("/")[0] in HALVES[1] for job in second]
    assert places == sorted(places) and set(places) == {True, False}
    for name in TABLES:
        one, other = (pd.read_parquet(p.folder / f"results/{name}.parquet") for p in (every_study, one_by_one))
        assert name not in ("runs", "arms") or set(one["study"]) == set(STUDIES)
        unlike = list(MACHINE) if name == "arms" else []
        pd.testing.assert_frame_equal(one.drop(columns=unlike), other.drop(columns=unlike), check_exact=True)
    paths = [project.folder / "results/runs.parquet" for project in (every_study, one_by_one)]
    assert paths[0].read_bytes() == paths[1].read_bytes()  # the sign of a zero too


def test_a_config_in_another_order_reruns_nothing(one_by_one: Project) -> None:
    project = one_by_one
    config = project.config()
    project.write_config(turned(config))
    try:
        assert list(project.config()) == list(reversed(config))
        assert project.planned(*TARGETS) == {}
    finally:
        project.write_config(config)
