"""The released bespoke scripts as jobs: rows, costs, bits, published parameter counts, and mistakes."""

import json

import numpy as np
import pandas as pd
import pytest

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.released.bespoke import random_windows, run_script, text, training
from tokentrial.released.bespoke.job import run_script_job
from tokentrial.run.statistics import summarise

KEYS = ["condition", "arm", "seed", "split", "step", "metric"]


def spec(script, **options):
    common = {"study": "bespoke", "condition": f"bespoke/as-released/{script}", "script": script, "seed": 42}
    return common | {"seeds": 3, "fresh": 8} | options


SPECS = {
    "scaling": spec(
        "scaling",
        steps=[5, 25],
        long_seeds=2,
        attribution=[20_000],
        attribution_steps=5,
        fast_rate=0.01,
    ),
    "initial": spec("initial"),
    "optimized": spec("optimized"),
    "ultra": spec("ultra"),
    "quick": spec("quick"),
    "convergence": spec("convergence", epochs=2),
}


def rows_of(design):
    report = run_script(design)
    return pd.DataFrame([(c, *row) for c, row in report.rows], columns=["condition", *results.Measurement._fields])


@pytest.mark.parametrize("name", SPECS)
def test_a_job_writes_both_tables(name, tmp_path):
    runs, arms = tmp_path / "runs.parquet", tmp_path / "arms.parquet"
    run_script_job(json.dumps(SPECS[name]), str(runs), str(arms))
    rows, costs = results.read(runs, results.RUNS).to_pandas(), results.read(arms, results.ARMS).to_pandas()
    assert not rows.duplicated(KEYS).any()
    assert np.isfinite(rows["value"]).all()
    measured = rows[~rows["arm"].str.startswith("reference.")]
    pairs = set(zip(measured["condition"], measured["arm"], strict=True))
    assert pairs == set(zip(costs["condition"], costs["arm"], strict=True))
    assert not costs.duplicated(["condition", "arm"]).any()
    summary = summarise(rows, set(rows["condition"]), 0.95)
    assert {(row.condition, row.arm) for row in summary.itertuples()} == pairs
    assert summary["n"].eq(3).all()
    assert summary[["unigram", "chance"]].notna().all(axis=None)
    assert summary.loc[summary["condition"].ne("bespoke/as-released/initial/corpus-5000"), "floor"].notna().all()


@pytest.mark.parametrize("name", SPECS)
def test_a_seeds_bits_do_not_depend_on_its_neighbours(name, monkeypatch):
    together = rows_of(SPECS[name]).set_index(KEYS)["value"]
    monkeypatch.setattr(training, "CHUNK", 1)
    alone = rows_of(SPECS[name] | {"seeds": 2}).set_index(KEYS)["value"]
    shared = together[together.index.get_level_values("seed") < 2]
    pd.testing.assert_series_equal(alone.sort_index(), shared.sort_index(), check_exact=True)


def test_seeds_and_arms_differ():
    rows = rows_of(SPECS["optimized"])
    final = rows[rows["step"].isna() & rows["metric"].eq("cross_entropy") & ~rows["arm"].str.startswith("reference.")]
    assert final["value"].is_unique


def test_published_parameter_counts():
    """Document 003, protocols B1 to B6; the whole model, or the embedding layer alone where the script counts that."""

    reports = {name: run_script(design | {"seeds": 1}) for name, design in SPECS.items()}

    def total(name, cell, arm, roles=("embedding", "encoder", "head")):
        cost = reports[name].costs[f"bespoke/as-released/{name}/{cell}", arm]
        return sum(cost[f"parameters_{role}"] for role in roles)

    assert (total("initial", "corpus-5000", "standard"), total("initial", "corpus-5000", "bespoke")) == (46_372, 67_492)
    for size in (1_000, 5_000, 20_000, 50_000):
        found = [total("scaling", f"corpus-{size}", arm) for arm in ("standard", "bespoke")]
        assert found == [51_656, 135_624]
        assert round(found[1] / found[0], 3) == 2.626
    layer = ("embedding", "encoder")
    assert total("ultra", "corpus-20000", "bespoke", layer) == 3_840 + 1_920 + 128 + 24_576 == 30_464
    assert total("ultra", "corpus-20000", "standard", layer) == total("optimized", "corpus-20000", "standard", layer)
    assert total("optimized", "corpus-20000", "standard", layer) == 25_600
    assert total("convergence", "epochs-2", "standard") == 25_800
    assert total("convergence", "epochs-2", "bespoke") == 63_944
    assert (total("quick", "corpus-1000", "standard"), total("quick", "corpus-1000", "bespoke")) == (12_900, 34_020)


def test_the_optimized_count_depends_on_the_corpus_and_reaches_the_published_one():
    """Protocol B4: 48,812 where 45, 87 and 68 types are high, mid and low; 48,472 to 49,261 over 60 seeds."""
    law = random_windows.SCRIPTS["optimized"].law
    corpora = [text.draw_corpus(law, 20_000, 42, "optimized", k) for k in range(60)]
    _, costs = random_windows.optimized_layout(corpora, 25_800)
    counts = {cost.embedding + cost.encoder for cost in costs}
    assert 48_812 in counts
    assert 48_200 < min(counts) < max(counts) < 49_500


def test_no_loss_on_fresh_text_is_below_the_entropy():
    for name in ("optimized", "ultra", "convergence", "initial"):
        rows = rows_of(SPECS[name])
        fresh = rows[rows["condition"].str.endswith("-fresh") & rows["metric"].eq("cross_entropy")]
        fresh = fresh[fresh["split"].eq("test")]
        floor = fresh.loc[fresh["arm"].eq("reference.floor"), "value"].iloc[0]
        trained = fresh.loc[~fresh["arm"].str.startswith("reference."), "value"]
        assert (trained > floor - 1e-6).all()


def test_ratios_are_those_of_the_losses():
    rows = rows_of(SPECS["initial"])
    final = rows[rows["step"].isna() & rows["condition"].str.endswith("corpus-5000")]
    wide = final[final["metric"].eq("cross_entropy")].pivot(index="seed", columns="arm", values="value")
    ratio = final[final["metric"].eq("quality_ratio")].set_index("seed")["value"]
    np.testing.assert_allclose(ratio, wide["bespoke"] / wide["standard"])
    score = final[final["metric"].eq("efficiency_score")].set_index("seed")["value"]
    np.testing.assert_allclose(score, 46_372 / 67_492 / ratio)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"script": "medium"}, "released script 'medium': expected one of initial, scaling, convergence, quick"),
        ({"seeds": 0}, "released script scaling: seeds is 0, expected an integer of at least 1"),
        ({"fresh": 1.5}, "released script scaling: fresh is 1.5, expected an integer of at least 1"),
        ({"attribution": [10_000]}, "scaling: attribution: found 10000, expected some of 1000, 5000, 20000, 50000"),
        ({"steps": [0]}, "released script scaling: steps: found 0, expected integers of at least 1"),
        ({"long_seeds": 0}, "released script scaling: long_seeds is 0, expected an integer of at least 1"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        run_script(SPECS["scaling"] | changes)


def test_a_missing_option_is_named():
    design = {key: value for key, value in SPECS["scaling"].items() if key != "fast_rate"}
    with pytest.raises(InputError, match="released script scaling: fast_rate is missing"):
        run_script(design)
