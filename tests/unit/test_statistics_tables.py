"""From all runs to levels and comparisons, on frames made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import views
from scipy import stats

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.run import methods as methods_
from tokentrial.run.columns import CONDITIONS, METHODS, Condition, Method
from tokentrial.run.finals import BOUND, final_values
from tokentrial.run.statistics import compare_arms, pairs, span, summarise, write_statistics
from tokentrial.run.view import records
from tokentrial.schema.declared import Study

SETTINGS = {"confidence": 0.95, "resamples": 200, "equivalence_margin": 0.05}
CELL = "study/markov/done-right/ratio-2"
DECLARED = Study.model_validate(
    {
        "title": "A study",
        "real_text": False,
        "experiments": {},
        "question": {"encodings": [], "baselines": []},
        "methods": {name: {"role": "own"} for name in ("learned", "learned_twice", "bespoke")},
    }
)
NOISE = np.random.default_rng(0).normal(0, 0.01, (9, 10))  # ten seeds, small against all gaps below


def rows_of(
    arms: dict[str, Any],
    metric: str = "cross_entropy",
    condition: str = CELL,
    split: str = "test",
    step: int | None = None,
) -> pd.DataFrame:
    """Rows of results.RUNS from arm -> values by seed."""
    unit = {"cross_entropy": "nats", "accuracy": "fraction"}.get(metric, "1")
    rows = [
        ("study", condition, arm, seed, split, step, metric, value, unit)
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=results.RUNS.names[:-1]).astype({"step": "Int32", "value": "float64"})


def bounds(*, chance: float = 3.0, unigram: float = 2.5, floor: float = 1.0, oracle: float = 1.05) -> dict[str, Any]:
    levels = {"chance": chance, "unigram": unigram, "floor": floor, "oracle": oracle}
    return {f"reference.{name}": np.full(10, value) for name, value in levels.items()}


def methods_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of columns.METHODS; of every study the same arms start comparisons."""
    trained = rows[~rows["arm"].str.startswith(BOUND)]
    return methods_.table({str(study): DECLARED for study in rows["study"].unique()}, trained)


def methods(rows: pd.DataFrame) -> dict[tuple[str, str], Method]:
    return {(row["study"], row["arm"]): Method(**row) for row in records(methods_frame(rows), METHODS)}


def conditions(rows: pd.DataFrame) -> dict[str, Condition]:
    described = records(views.conditions(rows["condition"]), CONDITIONS)
    return {row["condition"]: Condition(**row) for row in described}


def released(rows: pd.DataFrame) -> list[str]:
    return [name for name, row in conditions(rows).items() if row.way == "as-released"]


def summarised(rows: pd.DataFrame) -> pd.DataFrame:
    return summarise(rows, released(rows), 0.95)


def compared(rows: pd.DataFrame, settings: dict[str, Any] = SETTINGS, seed: int = 42) -> pd.DataFrame:
    return compare_arms(rows, conditions(rows), methods(rows), settings, seed)


def method(arm: str) -> str:
    [row] = methods(rows_of({arm: [1.0]})).values()
    return row.method


LOSSES = {
    "learned": 1.5,
    "floor_reached": 1.05,
    "leaked": 0.9,
    "constant": 2.5,
    "worse": 2.7,
    "chance": 3.0,
    "lost": 3.4,
}
FLAGS = {
    "learned": "ok", "floor_reached": "ok", "leaked": "leaked", "constant": "unigram", "worse": "unigram",
    "chance": "untrained", "lost": "untrained",
}  # fmt: skip


def noisy(means: dict[str, float]) -> dict[str, Any]:
    return {arm: mean + NOISE[k] - NOISE[k].mean() for k, (arm, mean) in enumerate(means.items())}


def flags(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["arm"], frame["flag"], strict=True))


# Levels


def test_levels_intervals_and_bounds() -> None:
    frame = summarised(rows_of({**noisy(LOSSES), **bounds()}))
    assert list(frame.columns) == results.SUMMARY.names
    assert frame["arm"].tolist() == list(LOSSES)  # reference levels are columns, not arms
    for row in frame.itertuples():
        values = noisy(LOSSES)[row.arm]
        low, high = stats.t.interval(0.95, 9, values.mean(), stats.sem(values))
        assert (row.n, row.unit, row.metric) == (10, "nats", "cross_entropy")
        assert (row.mean, row.sd) == pytest.approx((LOSSES[row.arm], values.std(ddof=1)))
        assert (row.low, row.high) == pytest.approx((low, high))
        assert (row.floor, row.unigram, row.chance) == (1.0, 2.5, 3.0)


def test_losses_below_the_source_and_at_chance_are_flagged() -> None:
    assert flags(summarised(rows_of({**noisy(LOSSES), **bounds()}))) == FLAGS


def test_accuracies_are_flagged_the_other_way_round() -> None:
    shares = {arm: (4 - loss) / 4 for arm, loss in LOSSES.items()}
    levels = bounds(chance=0.25, unigram=0.375, floor=0.75, oracle=0.7375)
    assert flags(summarised(rows_of({**noisy(shares), **levels}, metric="accuracy"))) == FLAGS


def test_a_flag_needs_more_than_noise() -> None:
    """Below the oracle on average, but not beyond what ten such seeds vary."""
    wide = 10 * (NOISE[0] - NOISE[0].mean())
    levels = bounds()
    assert flags(summarised(rows_of({"learned": 1.04 + wide, **levels}))) == {"learned": "ok"}
    # Against an oracle that varies with the seeds alike, the same values are clearly below.
    paired = {**levels, "reference.oracle": 1.05 + wide}
    assert flags(summarised(rows_of({"learned": 1.04 + wide + NOISE[1] / 10, **paired}))) == {"learned": "leaked"}


def test_bounds_of_other_seeds_are_compared_by_their_mean() -> None:
    levels = {arm: values[:3] for arm, values in bounds().items()}  # three draws of the source, ten runs
    assert flags(summarised(rows_of({**noisy(LOSSES), **levels}))) == FLAGS


def test_what_nothing_bounds_has_no_flag() -> None:
    frame = summarised(rows_of(noisy({"learned": 1.5})))
    assert flags(frame) == {"learned": ""}
    assert frame[["floor", "unigram", "chance"]].isna().all(axis=None)
    one_seed = summarised(rows_of({"learned": [1.5], **bounds()}))
    assert flags(one_seed) == {"learned": ""}
    assert one_seed[["sd", "low", "high"]].isna().all(axis=None)
    assert one_seed["n"].tolist() == [1]


def test_a_seed_that_diverged_is_missing_not_zero() -> None:
    values = np.array([1.4, np.nan, 1.6, np.inf])
    frame = summarised(rows_of({"learned": values, **{arm: level[:4] for arm, level in bounds().items()}}))
    assert (frame["n"].item(), frame["mean"].item()) == (2, pytest.approx(1.5))


# Which values are compared


def test_only_final_held_out_values_count() -> None:
    parts = [
        rows_of({"learned": [1.0]}),
        rows_of({"learned": [2.0]}, split="train"),
        rows_of({"learned": [3.0]}, split="validation"),
        rows_of({"learned": [3.5]}, step=10),
        rows_of({"learned": [4.0]}, metric="chosen_step"),
        rows_of({"learned": [5.0]}, metric="accuracy"),
    ]
    rows = pd.concat(parts, ignore_index=True)
    assert final_values(rows, released(rows))["value"].tolist() == [1.0, 5.0]


def test_released_scripts_without_held_out_data_count_their_training_text() -> None:
    script = "study/as-released/pure-python"
    parts = [
        rows_of({"learned": [1.0], "reference.chance": [3.0]}, condition=script, split="train"),
        rows_of({"reference.chance": [3.1]}, condition=script),
        rows_of({"learned": [7.0]}, condition="study/as-released/corrected", split="train"),
        rows_of({"learned": [8.0]}, condition="study/as-released/corrected"),
        rows_of({"learned": [9.0]}, split="train"),
    ]
    rows = pd.concat(parts, ignore_index=True)
    # the training text's own reference level is not among them: the test split has one
    assert sorted(final_values(rows, released(rows))["value"]) == [1.0, 3.1, 8.0]


# Comparisons


def two_arms(gap: float, row: int = 0) -> dict[str, Any]:
    return {"learned": 1.5 + NOISE[row], "full": 1.5 + gap + NOISE[row + 1]}


def test_every_arm_is_compared_with_the_learned_one() -> None:
    arms = noisy(LOSSES)
    frame = compared(rows_of({**arms, **bounds()}))
    assert list(frame.columns) == results.STATISTICS.names
    assert frame["arm_b"].tolist() == [arm for arm in LOSSES if arm != "learned"]
    assert set(frame["arm_a"]) == {"learned"}
    for row in frame.itertuples():
        difference = arms["learned"] - arms[row.arm_b]
        assert row.comparison == f"{CELL}:cross_entropy:learned-{row.arm_b}"
        assert (row.n, row.difference) == (10, pytest.approx(difference.mean()))
        assert row.p_t == pytest.approx(stats.ttest_1samp(difference, 0).pvalue)
        assert row.margin == pytest.approx(0.05 * 2.0)  # chance 3, floor 1
        assert row.equivalent == (abs(row.difference) < 0.08)
        assert row.superiority == (difference < 0).mean()  # less loss is better


def test_accuracy_is_better_when_higher() -> None:
    arms = {"learned": 0.8 + NOISE[0], "full": 0.5 + NOISE[1]}
    [row] = compared(rows_of(arms, metric="accuracy")).to_dict("records")
    assert (row["superiority"], row["noninferior"]) == (1, True)


def test_pairs_are_matched_by_seed_not_by_row() -> None:
    rows = rows_of({**two_arms(0.02), **bounds()})
    shuffled = rows.sample(frac=1, random_state=3)
    columns = ["difference", "p_t", "t_low", "bca_low", "bca_high", "hedges_g", "p_signflip"]
    one, two = (compared(frame)[columns] for frame in (rows, shuffled))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_seeds_that_one_arm_lacks_are_left_out_and_counted() -> None:
    arms = {**two_arms(0.02), **bounds()}
    arms["full"] = np.where(np.arange(10) == 4, np.nan, arms["full"])
    [row] = compared(rows_of(arms)).to_dict("records")
    kept = np.arange(10) != 4
    assert row["n"] == 9
    assert row["difference"] == pytest.approx((arms["learned"] - arms["full"])[kept].mean())
    assert row["mean_a"] == pytest.approx(arms["learned"][kept].mean())


def test_intervals_depend_on_the_seed_and_on_nothing_beside() -> None:
    one = rows_of({**two_arms(0.02), **bounds()})
    more = pd.concat([rows_of({**two_arms(0.02), **bounds()}, condition="study/markov/done-right/ratio-4"), one])
    alone, beside, other = (compared(rows, seed=seed) for rows, seed in ((one, 42), (more, 42), (one, 43)))
    same = beside[beside["condition"] == CELL].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.drop(columns="p_holm"), same.drop(columns="p_holm"), check_exact=True)
    assert alone["bca_low"].item() != other["bca_low"].item()
    assert alone["t_low"].item() == other["t_low"].item()
    assert beside["t_low"].nunique() == 1  # the same values in two cells,
    assert beside["bca_low"].nunique() == 2  # resampled independently


def holm(p_values: pd.Series) -> np.ndarray:
    """Holm 1979: the k-th smallest of m p-values times m - k + 1, never below a smaller one's, at most 1."""
    order = np.argsort(p_values.to_numpy())
    steps = p_values.to_numpy()[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def test_holm_runs_over_the_cells_of_one_claim() -> None:
    """A family: one experiment, one way of running it, one metric, one pair of arms."""
    parts, gap = [], 0.004
    for way in ("markov/as-described", "markov/done-right", "compression/done-right"):
        for metric in ("cross_entropy", "accuracy") if way == "markov/done-right" else ("cross_entropy",):
            for cell in range(2):
                arms = two_arms(gap, cell) | {"pca": 1.5 - gap / 2 + NOISE[cell + 4]}
                parts.append(rows_of(arms, metric, f"study/{way}/ratio-{cell}"))
                gap += 0.002
    frame = compared(pd.concat(parts, ignore_index=True))
    families = frame.groupby([frame["condition"].str.rsplit("/", n=1).str[0], "metric", "arm_b"])
    assert families.size().tolist() == [2] * 8
    for _, family in families:
        np.testing.assert_allclose(family["p_holm"], holm(family["p_t"]), rtol=1e-12)
    assert (frame["p_holm"] >= frame["p_t"]).all()
    assert (frame["p_holm"] > frame["p_t"]).any()


def test_a_missing_p_is_not_a_test() -> None:
    parts = [rows_of(two_arms(0.004, cell), condition=f"study/markov/done-right/ratio-{cell}") for cell in range(2)]
    constant = {"learned": np.full(10, 1.5), "full": np.full(10, 1.6)}  # no scale, so no t test
    parts.append(rows_of(constant, condition="study/markov/done-right/ratio-2"))
    frame = compared(pd.concat(parts, ignore_index=True))
    assert np.isnan(frame["p_holm"].iloc[2])
    np.testing.assert_allclose(frame["p_holm"][:2], holm(frame["p_t"][:2]), rtol=1e-12)


def test_without_a_learned_arm_there_is_nothing_to_compare() -> None:
    assert compared(rows_of({"learned": 1.5 + NOISE[0], **bounds()})).empty  # levels are no arms
    frame = compared(rows_of({"full": 1.5 + NOISE[0], **bounds()}))
    assert (len(frame), list(frame.columns)) == (0, results.STATISTICS.names)
    assert results.table(frame, results.STATISTICS).num_rows == 0


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"chance": 3.0, "floor": 1.0, "oracle": 1.1}, 2.0),
        ({"chance": 3.0, "oracle": 1.1}, 1.9),  # no closed form: the source on this text
        ({"chance": 0.1, "floor": 0.7}, 0.6),  # accuracy: the ceiling is above chance
        ({"floor": 1.0}, 1.5),
        ({"chance": 3.0}, 1.5),
        ({"chance": 3.0, "floor": 3.0 + 1e-13}, 1.5),  # uniform noise: nothing can be learned
        ({}, 1.5),
    ],
)
def test_the_margin_is_a_share_of_what_can_be_learned(levels: dict[str, float], expected: float) -> None:
    arms = {f"reference.{name}": pd.Series([value] * 3) for name, value in levels.items()}
    assert span({"learned": pd.Series([1.4, 1.5, 1.6]), **arms}, "learned") == pytest.approx(expected)


def test_without_bounds_the_margin_is_a_share_of_the_subjects_own_mean() -> None:
    arms = {"learned-2": pd.Series([2.0]), "learned-8": pd.Series([4.0]), "bespoke": pd.Series([-1.0])}
    assert [span(arms, subject) for subject in arms] == [2.0, 4.0, 1.0]


# Several studies: arms of a size, subjects, margins


def test_an_arms_method_is_its_name_without_its_size() -> None:
    names = {"learned": "learned", "learned-16": "learned", "pq_8": "pq_8", "autoencoder_deep-2": "autoencoder_deep"}
    assert [method(arm) for arm in names] == list(names.values())


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        (["learned", "full"], [("learned", "full")]),
        (["full", "learned"], [("learned", "full")]),  # the subject is first whatever its place
        (["full", "pca"], []),
        (["learned"], []),
        # of the same size, or of none; never across sizes, nor with a subject's own other size
        (
            ["full", "int8", "learned-2", "svd-2", "learned-16", "svd-16", "svd-1"],
            [
                *(("learned-2", other) for other in ("full", "int8", "svd-2")),
                *(("learned-16", other) for other in ("full", "int8", "svd-16")),
            ],
        ),
        # a subject without a size has those without one only
        (["learned", "svd-2", "full"], [("learned", "full")]),
        # a name that begins like a subject's is another method
        (["learned-8", "learned_masked-8"], [("learned-8", "learned_masked-8")]),
        (["bespoke_like", "full"], []),
        # two subjects: each with the rest, and with each other once, the first in the order of arms minus the second
        (["bespoke-ultra", "budget-ultra", "standard"], [("bespoke-ultra", o) for o in ("budget-ultra", "standard")]),
        (["learned-2", "bespoke-2"], [("learned-2", "bespoke-2")]),
        (
            ["learned-2", "learned_twice-2", "svd-2"],
            [("learned-2", "learned_twice-2"), ("learned-2", "svd-2"), ("learned_twice-2", "svd-2")],
        ),
        # what follows a hyphen and is no size of an own encoding is part of the name: such an arm is of every size
        (["learned-2", "learned-16", "my-encoder"], [("learned-2", "my-encoder"), ("learned-16", "my-encoder")]),
    ],
)
def test_the_comparisons_of_a_condition(arms: list[str], expected: list[tuple[str, str]]) -> None:
    known = methods(rows_of({arm: [1.0] for arm in arms}))
    assert [(own.arm, other.arm) for own, other in pairs([known["study", arm] for arm in arms])] == expected


def test_every_size_is_compared_with_its_own_and_with_the_uncompressed() -> None:
    arms = noisy({"full": 1.0, "learned-2": 1.1, "svd-2": 1.2, "learned-8": 1.4, "svd-8": 1.6})
    frame = compared(rows_of(arms, condition="study/lm/done-right/bpe"))
    found = {(row.arm_a, row.arm_b): row.difference for row in frame.itertuples()}
    assert found == {
        ("learned-2", "full"): pytest.approx(0.1),
        ("learned-2", "svd-2"): pytest.approx(-0.1),
        ("learned-8", "full"): pytest.approx(0.4),
        ("learned-8", "svd-8"): pytest.approx(-0.2),
    }
    assert frame["comparison"].is_unique


def test_holm_runs_over_the_sizes_of_one_method() -> None:
    """A claim about two methods at all ratios is one family, also where the ratios are arms and not cells."""
    gaps = {"learned-2": 0.0, "learned-4": 0.0, "learned-8": 0.0, "svd-2": 0.004, "svd-4": 0.006, "svd-8": 0.009}
    arms = {arm: 1.5 + gap + NOISE[k] for k, (arm, gap) in enumerate(gaps.items())}
    arms["full"] = 1.5 + NOISE[7]
    parts = [rows_of(arms, condition=f"study/{way}/bpe") for way in ("lm/done-right", "lm/as-described")]
    frame = compared(pd.concat(parts, ignore_index=True))
    families = frame.groupby(["condition", frame["arm_b"].map(method)])
    assert families.size().tolist() == [3] * 4
    for _, family in families:
        np.testing.assert_allclose(family["p_holm"], holm(family["p_t"]), rtol=1e-12)
    assert (frame["p_holm"] > frame["p_t"]).any()


def test_each_subject_has_families_of_its_own() -> None:
    gaps = {"learned-2": 0.0, "learned-4": 0.0, "learned_twice-2": 0.003, "learned_twice-4": 0.005}
    gaps |= {"svd-2": 0.008, "svd-4": 0.012}
    frame = compared(rows_of({arm: 1.5 + gap + NOISE[k] for k, (arm, gap) in enumerate(gaps.items())}))
    families = frame.groupby([frame["arm_a"].map(method), frame["arm_b"].map(method)])
    assert {names: len(family) for names, family in families} == {
        ("learned", "learned_twice"): 2,
        ("learned", "svd"): 2,
        ("learned_twice", "svd"): 2,
    }
    for _, family in families:
        np.testing.assert_allclose(family["p_holm"], holm(family["p_t"]), rtol=1e-12)


def test_a_study_may_have_its_own_margins() -> None:
    shares = {"learned": 0.8 + NOISE[0], "full": 0.7 + NOISE[1], "reference.chance": np.full(10, 0.1)}
    shares["reference.floor"] = np.full(10, 0.9)
    rows = pd.concat([rows_of({**two_arms(0.02), **bounds()}), rows_of(shares, "accuracy")], ignore_index=True)
    studies = [rows.assign(study=name, condition=f"{name}/lm/done-right/bpe") for name in ("text", "half")]
    margins = {"text": {"cross_entropy": 0.3, "accuracy": 0.01}, "half": {"accuracy": 0.2}, "absent": {"accuracy": 9.0}}
    frame = compared(pd.concat([rows, *studies], ignore_index=True), {**SETTINGS, "margins": margins})
    share = {"cross_entropy": pytest.approx(0.05 * 2.0), "accuracy": pytest.approx(0.05 * 0.8)}  # chance to floor
    assert frame.set_index(["study", "metric"])["margin"].to_dict() == {
        **{("study", metric): value for metric, value in share.items()},
        ("text", "cross_entropy"): 0.3,  # as given
        ("text", "accuracy"): 0.01,
        ("half", "cross_entropy"): share["cross_entropy"],  # each metric by itself
        ("half", "accuracy"): 0.2,
    }
    # nothing else moves: the margin decides what is equivalent, not what is measured
    study, text = (frame[(frame["study"] == name) & (frame["metric"] == "cross_entropy")] for name in ("study", "text"))
    for column in ("difference", "p_t", "t_low", "t_high", "hedges_g"):
        assert study[column].item() == text[column].item()
    assert text["p_tost"].item() < study["p_tost"].item()


def test_a_margin_decides_what_is_equivalent() -> None:
    rows = rows_of({**two_arms(0.02), **bounds()})
    found = [
        compared(rows, {**SETTINGS, "margins": {"study": {"cross_entropy": margin}}})["equivalent"].item()
        for margin in (0.001, 0.2)
    ]
    assert found == [False, True]


def test_two_encodings_in_one_condition_are_two_comparisons_with_an_arm() -> None:
    arms = {"learned-2": 1.5 + NOISE[0], "learned_twice-2": 1.4 + NOISE[1], "my-encoder": 1.2 + NOISE[2]}
    frame = compared(rows_of(arms)).set_index(["arm_a", "arm_b"])
    for arm in ("learned-2", "learned_twice-2"):
        row = frame.loc[(arm, "my-encoder")]
        assert row["comparison"] == f"{CELL}:cross_entropy:{arm}-my-encoder"
        assert row["difference"] == pytest.approx((arms[arm] - arms["my-encoder"]).mean())
    assert len(frame) == 3 and frame["comparison"].is_unique


# From file to files


def test_both_tables_are_written(tmp_path: Path) -> None:
    arms = noisy({"learned": 1.5, "full": 0.9})
    rows = pd.concat(
        [rows_of({**arms, **bounds()}), rows_of({"learned": [0.5], "full": [0.4]}, "accuracy", "study/c/d/e")]
    )
    names = ("runs", "conditions", "methods", "summary", "statistics")
    paths = {name: str(tmp_path / f"{name}.parquet") for name in names}
    described = (views.conditions(rows["condition"]), CONDITIONS), (methods_frame(rows), METHODS)
    for name, (frame, schema) in zip(names, ((rows, results.RUNS), *described), strict=False):
        results.write(paths[name], results.table(views.typed(frame, schema), schema))
    write_statistics(**paths, settings=SETTINGS, seed=42)
    summary = results.read(paths["summary"], results.SUMMARY).to_pandas()
    statistics = results.read(paths["statistics"], results.STATISTICS).to_pandas()
    assert summary["flag"].tolist() == ["ok", "leaked", "", ""]
    pd.testing.assert_frame_equal(summary, summarised(rows), check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(statistics, compared(rows), check_dtype=False, check_exact=True)
    before = [Path(paths[name]).read_bytes() for name in names]
    write_statistics(**paths, settings=SETTINGS, seed=42, processes=2)
    assert [Path(paths[name]).read_bytes() for name in names] == before
    results.write(paths["runs"], results.table(pd.DataFrame(columns=results.ARMS.names), results.ARMS))
    with pytest.raises(InputError, match=r"runs\.parquet: columns are \("):
        write_statistics(**paths, settings=SETTINGS, seed=42)
