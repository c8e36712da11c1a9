"""The attribution of a loss ratio, on losses made from known effects, and the placement of a published value."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.statistics.attribution import attribution
from tokentrial.statistics.placement import place

CELL = "bespoke/as-released/scaling/corpus-20000"
FRESH = f"{CELL}-fresh"
SEEDS = 12
# log losses on fresh windows relative to the standard arm
EFFECTS = {
    "standard": 0.0,
    "projected": -2.0,
    "bespoke": -2.1,
    "projected_wide": -2.2,
    "standard_fast": -1.5,
    "frozen": -0.1,
    "permuted": -1.6,
    "reversed": -1.1,
}
METRIC = {"standard": 0.1, "bespoke": -0.7}  # what the last batch adds


def made_rows():
    """Losses of known effects with noise that the arms of a seed share, and at step 100 a ratio of -0.3."""
    shared = np.random.default_rng(0).normal(size=SEEDS)
    rows = []
    for arm, effect in EFFECTS.items():
        for k in range(SEEDS):
            fresh, batch = np.exp(1.0 + shared[k] + effect), np.exp(1.0 + shared[k] + effect + METRIC.get(arm, 0.0))
            rows.append((FRESH, arm, k, "test", None, fresh))
            rows.append((CELL, arm, k, "train", None, batch))
            if arm in METRIC:
                rows.append((FRESH, arm, k, "test", 15, fresh))
                late = 0.0 if arm == "standard" else -0.3
                rows.append((FRESH, arm, k, "test", 100, np.exp(shared[k] + late)))
    frame = pd.DataFrame(rows, columns=["condition", "arm", "seed", "split", "step", "value"])
    frame["step"] = frame["step"].astype("Int32")
    return frame.assign(study="bespoke", metric="cross_entropy", unit="nats")[results.RUNS.names[:-1]]


def test_known_effects_are_found():
    found = attribution(made_rows(), CELL, FRESH).set_index("factor")
    expected = {
        "reported ratio": -2.1 - 0.7 - 0.1,
        "metric": -0.8,
        "extra linear layer": -2.0,
        "width by frequency": -0.1,
        "learning rate": -1.5,
        "maps kept as drawn": 2.0,
        "same width for all": -0.1,
        "widths permuted": 0.5,
        "widths reversed": 1.0,
        "number of steps": -0.3 + 2.1,
    }
    for factor, effect in expected.items():
        assert found.loc[factor, "effect"] == pytest.approx(effect), factor
    assert found.loc["number of steps", "step"] == 100  # 15 is the reported number itself
    assert found["n"].eq(SEEDS).all()


def test_the_parts_add_up_and_intervals_are_students():
    rows = made_rows()
    rng = np.random.default_rng(1)
    rows["value"] *= np.exp(rng.normal(scale=0.2, size=len(rows)))
    rows = rows[rows["step"].isna() | rows["step"].eq(100)]
    found = attribution(rows, CELL, FRESH, confidence=0.9)
    total = found.loc[found["part"].eq("total"), "effect"].item()
    assert found.loc[found["part"].eq("sum"), "effect"].sum() == pytest.approx(total)
    fresh = rows[(rows["condition"] == FRESH) & rows["step"].isna()]
    wide = np.log(fresh.pivot(index="seed", columns="arm", values="value"))
    differences = wide["projected"] - wide["standard"]
    row = found.set_index("factor").loc["extra linear layer"]
    low, high = stats.t.interval(0.9, SEEDS - 1, differences.mean(), stats.sem(differences))
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert row["sd"] == pytest.approx(differences.std())


def test_seeds_without_a_later_step_are_left_out_of_it():
    rows = made_rows()
    rows = rows[~(rows["step"].eq(100).fillna(False) & rows["seed"].ge(5))]
    found = attribution(rows, CELL, FRESH).set_index("factor")
    assert found.loc["number of steps", "n"] == 5
    assert found.loc["metric", "n"] == SEEDS


def test_a_missing_arm_is_named():
    rows = made_rows()
    with pytest.raises(InputError, match="corpus-20000-fresh: arm permuted has no cross_entropy"):
        attribution(rows[rows["arm"].ne("permuted")], CELL, FRESH)


def test_place_is_the_mid_rank_percentile():
    values = [0.2, 0.4, 0.4, 0.9]
    for value in (0.1, 0.2, 0.3, 0.4, 1.0):
        found = place(value, values)
        assert found.percentile == pytest.approx(stats.percentileofscore(values, value, kind="mean"))
        assert found.n == 4


@pytest.mark.parametrize(("value", "values"), [(float("nan"), [1.0]), (1.0, []), (1.0, [float("inf")])])
def test_place_rejects_what_has_no_rank(value, values):
    with pytest.raises(InputError):
        place(value, values)
