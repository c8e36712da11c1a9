"""The proof of concept: against the committed results of the public code, and step by step against plain lists."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tokentrial.released import pure_python

# experiment_results.json of the learned-encoding study's public code, commit d4fe8fc: the loss of every epoch.
COMMITTED = {
    "learned": [
        2.995695098959946, 2.9952834447086794, 2.9943381032313905, 2.989337675770729, 2.988159093198294,
        2.9827877286417595, 2.978876666178027, 2.976585376040062, 2.971475664721772, 2.9697732855599797,
        2.964837621458471, 2.97621422684349, 2.9882911166230395, 2.9895614067028253, 2.985082204569539,
        2.9946968537801366, 2.993848940498612, 2.9896774158724293, 2.9995030834773413, 3.00913908093727,
        3.0053910062172493, 3.0011456250970046, 3.0123937612309417, 3.010576659742773, 3.0007237214258105,
    ],
    "traditional": [
        2.9945341015915328, 2.994723564183699, 2.994845963400044, 2.995300204688618, 2.9950911510754445,
        2.9952788417189127, 2.994719504831839, 2.994815061280376, 2.995255375009126, 2.9937564003389365,
        2.992196391150454, 2.992067967442149, 2.991805624314215, 2.99257144207522, 2.993888274105893,
        2.994211945200312, 2.9955352398063093, 2.995546067451196, 2.9951330383535617, 2.994570191530498,
        2.9946054181067017, 2.995360501181168, 2.9959505037196372, 2.9936827148161935, 2.993670194695127,
    ],
    "autoencoder": [
        0.33662181875381164, 0.33763253899735396, 0.3377949394831874, 0.33777147407932206, 0.3387360660140668,
        0.33985388323295046, 0.3401290843511648, 0.34080985903402733, 0.34044354524072834, 0.3403330063151574,
        0.3411098959816441, 0.34201334256000826, 0.34302519494627115, 0.34345760222294797, 0.34279117550190025,
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    return pure_python.run()


@pytest.fixture(scope="module")
def plain():
    """The benchmark's implementation on lists, which draws from Python's own generator one value at a time."""
    path = Path(__file__).parents[2] / "benchmarks" / "released_scripts.py"
    spec = importlib.util.spec_from_file_location("released_scripts", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("arm", COMMITTED)
def test_curves_equal_the_committed_ones(rows, arm):
    curve = [row.value for row in rows if row.arm == arm and row.step is not None]
    assert curve == pytest.approx(COMMITTED[arm], rel=0, abs=1e-12)
    assert [row.step for row in rows if row.arm == arm] == [*range(1, len(curve) + 1), None]


def test_final_values_are_those_the_documents_print(rows):
    final = {row.arm: row.value for row in rows if row.step is None}
    assert round(final["learned"], 4) == 3.0007
    assert round(final["traditional"], 4) == 2.9937


def test_rows_say_that_the_data_are_the_training_data(rows):
    assert {(row.seed, row.split) for row in rows} == {(42, "train")}
    assert {(row.metric, row.unit) for row in rows if row.arm != "autoencoder"} == {("cross_entropy", "nats")}


@pytest.mark.parametrize("seed", [42, 1])
def test_every_step_equals_plain_lists(plain, seed):
    expected = plain.plain_step_losses(seed, 1, 1)
    found = pure_python.step_losses(seed, 1, 1)
    assert found.keys() == expected.keys()
    for arm, losses in expected.items():
        np.testing.assert_allclose(found[arm], losses, rtol=0, atol=1e-12, err_msg=arm)


def test_another_seed_gives_other_losses():
    assert not np.array_equal(*(pure_python.step_losses(seed, 1, 0)["learned"] for seed in (1, 2)))
