"""Superiority, maintained performance and persistence on made-up runs: every verdict that the rules can give."""

import math
from typing import Any

import pytest
from claims_frames import around, made, rows

from tokentrial.claims.rules import RULES, Results
from tokentrial.claims.rules.replicated import NAMES
from tokentrial.claims.verdict import ARTEFACT, CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, UNTESTABLE, Finding
from tokentrial.errors import InputError
from tokentrial.statistics.replication import sceptical_p, z_of_t

ONE, TWO = "learned_encoding/task/done-right/one", "learned_encoding/task/done-right/two"
SCRIPT = "learned_encoding/as-released/script/cell"
CELLS = [{"study": "learned_encoding/task", "pairs": [["learned", "autoencoder"]]}]
RELEASED = [{"script": "script", "cell": "cell", "pair": ["learned", "autoencoder"]}]


def run(difference: float, spread: float = 0.01, seeds: int = 10, level: float = 2.0) -> Results:
    """One condition: the learned arm's loss is this much above the autoencoder's."""
    other = around(level, 0.05, seeds)
    learned = [a + d for a, d in zip(other, around(difference, spread, seeds, phase=1), strict=True)]
    return made({ONE: {"learned": learned, "autoencoder": other}})


def superior(results: Results, **changes: Any) -> Finding:
    given = {"cells": CELLS, "metric": "cross_entropy"} | changes
    return RULES["superior"](results, given.pop("reported", {}), **given)


def not_worse(results: Results, **changes: Any) -> Finding:
    given = {"cells": CELLS, "metric": "cross_entropy", "equivalence": {"relative": 0.01}} | changes
    return RULES["not_worse"](results, given.pop("reported", {}), **given)


@pytest.mark.parametrize(
    ("difference", "spread", "seeds", "verdict"),
    [
        (-0.5, 0.01, 10, CONFIRMED),
        (-0.05, 0.01, 10, TOO_SMALL),
        (0.5, 0.01, 10, REFUTED),
        (0.0, 0.01, 10, REFUTED),
        (-0.3, 0.9, 10, INCONCLUSIVE),
        (-0.5, 0.01, 3, INCONCLUSIVE),
    ],
)
def test_superiority(difference: float, spread: float, seeds: int, verdict: str) -> None:
    """Better by more than the margin of 0.15; by less; worse; equivalent; unclear; clear with too few seeds."""
    results = run(difference, spread, seeds)
    found = superior(results)
    assert found.verdict == verdict
    assert found.recomputed["difference"] == pytest.approx(difference)
    assert found.recomputed["margin"] == pytest.approx(0.15)
    assert found.comparisons == (f"{ONE}:cross_entropy:learned-autoencoder",)
    assert found.rows == 1 and f"n = {seeds}" in found.reason
    assert ("minimal detectable difference" in found.reason) == (verdict == INCONCLUSIVE)


def test_worse_is_the_mirror_of_better() -> None:
    assert superior(run(0.5), claimed="worse").verdict == CONFIRMED
    assert superior(run(-0.5), claimed="worse").verdict == REFUTED
    with pytest.raises(InputError, match="claimed"):
        superior(run(0.5), claimed="other")


def with_script(difference: float, released: float) -> Results:
    """A fair condition, and a released script in which the learned arm's loss is ``released`` above the other's."""
    fair = run(difference)
    runs = [*rows(SCRIPT, "learned", around(3 + released)), *rows(SCRIPT, "autoencoder", around(3.0, phase=2))]
    arms = {arm: list(fair.values(ONE, arm, "cross_entropy")) for arm in ("learned", "autoencoder")}
    return made({ONE: arms}, more=runs)


@pytest.mark.parametrize(
    ("difference", "released", "verdict"),
    [(0.0, -0.5, ARTEFACT), (0.0, 0.5, REFUTED), (-0.5, -0.5, CONFIRMED), (-0.05, -0.5, TOO_SMALL)],
)
def test_an_effect_of_the_released_code_alone_is_an_artefact(difference: float, released: float, verdict: str) -> None:
    found = superior(with_script(difference, released), released=RELEASED)
    assert found.verdict == verdict
    assert found.recomputed["released_shows"] == int(released < 0)
    assert (f"{SCRIPT}:cross_entropy:learned-autoencoder" in found.comparisons) == (released < 0)


def test_a_released_cell_that_was_not_run_shows_nothing() -> None:
    assert superior(run(0.0), released=RELEASED).verdict == REFUTED


def test_without_results_it_is_untestable() -> None:
    results = run(0.0)
    cells = [{"study": "learned_encoding/other", "pairs": [["learned", "autoencoder"]]}]
    found = superior(results, cells=cells)
    assert found.verdict == UNTESTABLE and "learned_encoding/other" in found.reason
    arms = [{"study": "learned_encoding/task", "pairs": [["learned", "pca"]]}]
    assert "learned against pca" in superior(results, cells=arms).reason


def two(first: float, second: float, level: float = 2.0) -> Results:
    """Two conditions with these differences; ``level`` is the autoencoder's loss in the second."""
    arms = {}
    for name, difference, base in ((ONE, first, 2.0), (TWO, second, level)):
        other = around(base, 0.001)
        arms[name] = {
            "learned": [a + d for a, d in zip(other, around(difference, 0.001, phase=1), strict=True)],
            "autoencoder": other,
        }
    return made(arms, {ONE: {"ratio": 2}, TWO: {"ratio": 4}})


@pytest.mark.parametrize(
    ("first", "second", "every", "agree"),
    [
        (-0.5, -0.5, CONFIRMED, CONFIRMED),
        (-0.5, 0.5, REFUTED, INCONCLUSIVE),
        (-0.5, -0.05, TOO_SMALL, TOO_SMALL),
        (0.5, 0.5, REFUTED, REFUTED),
    ],
)
def test_quantifiers(first: float, second: float, every: str, agree: str) -> None:
    results = two(first, second)
    assert superior(results, quantifier="every").verdict == every
    assert superior(results, quantifier="agree").verdict == agree
    with pytest.raises(InputError, match="quantifier"):
        superior(results, quantifier="most")


def test_a_missing_cell_keeps_a_claim_about_all_from_being_confirmed() -> None:
    cells = [{**CELLS[0], "select": {"ratio": [2, 4, 8]}}]
    found = superior(two(-0.5, -0.5), cells=cells)
    assert found.verdict == INCONCLUSIVE and "ratio 8" in found.reason
    assert superior(two(-0.5, -0.5), cells=[{**CELLS[0], "select": {"ratio": [2, 4]}}]).verdict == CONFIRMED
    with pytest.raises(InputError, match="'ration'"):
        superior(two(-0.5, -0.5), cells=[{**CELLS[0], "select": {"ration": [2]}}])
    with pytest.raises(InputError, match="pairs"):
        superior(two(-0.5, -0.5), cells=[{"study": "learned_encoding/task"}])


def test_cells_where_nothing_was_learned_do_not_count() -> None:
    """Losses at the unigram entropy of 3: the difference is significant, but neither arm uses its input."""
    found = superior(two(-0.5, 0.05, level=3.2))
    assert found.verdict == CONFIRMED
    assert found.recomputed["vacuous"] == 1 and "where nothing was learned" in found.reason
    alone = made({ONE: {"learned": around(3.1), "autoencoder": around(3.2, phase=1)}})
    assert superior(alone).verdict == INCONCLUSIVE


def test_saturated_cells_decide_nothing() -> None:
    """Both arms within the margin of the floor of 1: no difference beyond the margin can exist there."""
    found = superior(two(-0.5, -0.05, level=1.1))
    assert found.verdict == CONFIRMED and found.recomputed["saturated"] == 1
    solved = run(-0.05, 0.001, level=1.1)
    for alone in (
        superior(solved),
        superior(solved, claimed="worse"),
        not_worse(solved, equivalence={"absolute": 0.15}),
    ):
        assert alone.verdict == INCONCLUSIVE and alone.recomputed["decided"] == 0
        assert "within the margin of the best possible" in alone.reason


BOTH = [{"study": "learned_encoding/task", "pairs": [["learned", "autoencoder"], ["learned", "tuned"]]}]


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [(0.4, 0.4, CONFIRMED), (0.4, 0.01, INCONCLUSIVE), (0.4, -0.4, REFUTED), (-0.4, 0.01, REFUTED)],
)
def test_one_baseline_alone_confirms_nothing_where_the_other_is_solved(
    first: float, second: float, verdict: str
) -> None:
    """The learned arm is .05 nats above the floor: a baseline at .06 above it is solved as well, and does not count."""
    level = 1.05 if min(first, second) > -0.1 else 1.5
    learned = around(level, 0.001)
    arms = {"learned": learned}
    for name, above in (("autoencoder", first), ("tuned", second)):
        arms[name] = [a + d for a, d in zip(learned, around(above, 0.001, phase=1), strict=True)]
    found = superior(made({ONE: arms}), cells=BOTH)
    assert found.verdict == verdict
    if verdict == INCONCLUSIVE:
        assert found.recomputed["saturated"] == 1 and found.recomputed["decided"] == 1
        elsewhere = {TWO: {**arms, "tuned": arms["autoencoder"]}}
        split = made({ONE: arms} | elsewhere, {ONE: {"ratio": 2}, TWO: {"ratio": 4}})
        assert superior(split, cells=BOTH).recomputed["conditions_held"] == 1


def test_cells_that_may_not_refute_leave_a_claim_open() -> None:
    """Arms that are far from converged can show that something works, not that it does not."""
    short = [{**CELLS[0], "refutes": False}]
    assert superior(run(0.5), cells=short).verdict == INCONCLUSIVE
    assert superior(run(-0.5), cells=short).verdict == CONFIRMED
    assert not_worse(run(0.5), cells=short).verdict == INCONCLUSIVE
    assert not_worse(run(-0.5), cells=short).verdict == CONFIRMED
    of_two = [{**CELLS[0], "select": {"ratio": [2]}}, {**short[0], "select": {"ratio": [4]}}]
    assert superior(two(-0.5, 0.5), cells=of_two).verdict == INCONCLUSIVE
    assert superior(two(0.5, 0.5), cells=of_two).verdict == REFUTED


@pytest.mark.parametrize(("first", "second", "held"), [(-0.5, -0.5, 2), (-0.5, 0.5, 1), (0.5, -0.05, 0)])
def test_a_finding_says_in_how_many_conditions_the_claim_holds(first: float, second: float, held: int) -> None:
    found = superior(two(first, second))
    assert (found.recomputed["conditions_held"], found.recomputed["conditions_decided"]) == (held, 2)
    solved = superior(two(first, -0.01, level=1.1))
    assert solved.recomputed["conditions_decided"] == 1


PRETRAINED = "real_model/token-table/smollm2/wikitext-2-input"


def pretrained(difference: float) -> Results:
    """A condition of a pretrained model, a study without ways: 32 documents, an arm at the budget of the other."""
    other = around(2.0, 0.3, 32)
    arm = [a + d for a, d in zip(other, around(difference, 0.1, 32, phase=1), strict=True)]
    costs = {(PRETRAINED, "bands-8"): {"bits_deployed": 10.0}, (PRETRAINED, "full"): {"bits_deployed": 80.0}}
    return made({PRETRAINED: {"bands-8": arm, "bands_uniform-8": other, "full": other}}, costs=costs)


@pytest.mark.parametrize(("difference", "verdict"), [(-0.5, CONFIRMED), (0.5, REFUTED)])
def test_a_pretrained_model_is_a_condition_like_others(difference: float, verdict: str) -> None:
    here = {"study": "real_model/token-table", "select": {"tied": [False]}}
    found = superior(pretrained(difference), cells=[{**here, "pairs": [["bands-8", "bands_uniform-8"]]}])
    assert found.verdict == verdict
    assert found.recomputed["n"] == 32 and found.recomputed["missing"] == []
    equal, larger = ([{**here, "pairs": [["bands-8", other]]}] for other in ("bands_uniform-8", "full"))
    given = {"metric": "cross_entropy", "equivalence": {"relative": 0.01}, "equal": equal, "larger": larger}
    of_size = RULES["better_for_its_size"](pretrained(difference), {}, **given)
    assert of_size.verdict == verdict
    assert of_size.recomputed["at_fewer"] == 1  # by deployed bits: a pretrained table has no parameters of its own
    other_use = superior(
        pretrained(difference), cells=[{**here, "select": {"tied": [True]}, "pairs": equal[0]["pairs"]}]
    )
    assert other_use.verdict == UNTESTABLE


def many(differences: list[float], spread: float) -> Results:
    """As many conditions, each with this difference of the learned arm's loss from the autoencoder's."""
    arms = {}
    for place, difference in enumerate(differences):
        other = around(2.0, 0.02)
        learned = [a + d for a, d in zip(other, around(difference, spread, phase=place), strict=True)]
        arms[f"learned_encoding/task/done-right/c{place}"] = {"learned": learned, "autoencoder": other}
    return made(arms)


def test_refuting_takes_the_correction_that_confirming_takes() -> None:
    """One of five comparisons leans to a side, at p .02 of its own, which Holm makes .1: it decides neither way."""
    lean, spread = 0.0095, 0.011
    for side in (1, -1):
        alone = superior(many([side * lean], spread), equivalence={"absolute": 0.001})
        assert alone.verdict == (REFUTED if side > 0 else CONFIRMED)
        beside = superior(many([side * lean, 0, 0, 0, 0], spread), equivalence={"absolute": 0.001})
        assert beside.verdict == INCONCLUSIVE
    assert superior(many([0.5, 0, 0, 0, 0], spread), equivalence={"absolute": 0.001}).verdict == REFUTED


def test_equivalence_refutes_only_with_the_correction() -> None:
    """TOST at p .03 refutes a difference alone, and not beside four undecided comparisons."""
    margin = {"absolute": 0.009}
    assert superior(many([0.0], 0.0125), equivalence=margin).verdict == REFUTED
    unclear = superior(many([0.0, 0.004, 0.004, 0.004, 0.004], 0.0125), equivalence=margin)
    assert unclear.verdict == INCONCLUSIVE and unclear.recomputed["refuted"] == 0


def test_one_comparison_worse_than_the_margin_refutes_only_with_the_correction() -> None:
    """The arm is worse by more than the margin at a one-sided p below .025; with Holm, among five, it is not."""
    lean, spread, margin = 0.0105, 0.011, {"absolute": 0.001}
    assert not_worse(many([lean], spread), equivalence=margin).verdict == REFUTED
    assert not_worse(many([lean, 0, 0, 0, 0], spread), equivalence=margin).verdict == INCONCLUSIVE
    assert not_worse(many([0.5, 0, 0, 0, 0], spread), equivalence=margin).verdict == REFUTED


REPORTED = {"a": "4.602", "a_sd": "0.015", "b": "4.595", "b_sd": "0.018", "ratio": "0.9"}
ORIGINAL = {"arm": "a", "arm_spread": "a_sd", "other": "b", "other_spread": "b_sd", "n": 10}


def found_error(found: Finding) -> float:
    """The standard error of ten seeds' mean difference, from its t interval."""
    return (found.recomputed["high"] - found.recomputed["low"]) / 2 / 2.2621572


def test_replication_statistics_stand_beside_the_verdict() -> None:
    found = superior(two(-0.4, -0.4), reported=REPORTED, original=ORIGINAL, at={"ratio": 4})
    assert set(NAMES) <= set(found.recomputed)
    assert found.recomputed["original_difference"] == pytest.approx(0.007)
    assert found.recomputed["in_prediction_interval"] is False and found.recomputed["same_sign"] is False
    assert found.recomputed["prediction_low"] > found.recomputed["prediction_low_se"]
    assert found.recomputed["too_small_for_original"] is False and found.recomputed["opposite_sign"] is True
    assert found.recomputed["d33"] == pytest.approx(0.722, abs=1e-3)
    small = superior(run(0.001), reported=REPORTED, original=ORIGINAL)
    assert small.recomputed["too_small_for_original"] is True and small.recomputed["opposite_sign"] is False
    assert "-0.4 (task/two) is outside" in found.reason
    original, measured = math.hypot(0.015, 0.018) / math.sqrt(10), 0.001 / math.sqrt(10)
    z = [z_of_t(0.007 / original, 18), z_of_t(-0.4 / found_error(found), 9)]
    expected = sceptical_p(z[0], z[1], (original / found_error(found)) ** 2)
    assert found.recomputed["sceptical_p"] == pytest.approx(expected)
    assert found_error(found) == pytest.approx(measured, rel=0.2)
    inside = superior(run(0.007), reported=REPORTED, original=ORIGINAL)
    assert inside.recomputed["in_prediction_interval"] is True and inside.recomputed["original_in_interval"] is True
    with pytest.raises(InputError, match="original"):
        superior(run(0.0), reported={}, original=ORIGINAL)
    with pytest.raises(InputError, match="'n'"):
        superior(run(0.0), reported=REPORTED, original={"arm": "a"})


def test_the_original_stands_against_the_numbers_of_one_comparison() -> None:
    """The verdict shows the first cell, in which the arm is worse; the original is about the second."""
    found = superior(two(0.5, -0.4), reported=REPORTED, original=ORIGINAL, at={"ratio": 4})
    assert found.recomputed["difference"] == pytest.approx(0.5)
    assert found.recomputed["replication_difference"] == pytest.approx(-0.4)
    assert "/two:" in found.recomputed["replicated_at"] and "/one:" in found.recomputed["shown"]
    assert found.recomputed["same_sign"] is False


def test_an_original_better_than_the_best_possible_is_told() -> None:
    bounds = {"floor": 0.0446, "unigram": 0.0263, "chance": 0.02}
    arms = {ONE: {"learned": around(0.031, 0.002), "autoencoder": around(0.0311, 0.002, phase=1)}}
    results = made(arms, metric="accuracy", bounds=bounds)
    reported = {"a": "0.083", "a_sd": "0.012", "b": "0.067", "b_sd": "0.015"}
    found = superior(results, metric="accuracy", reported=reported, original=ORIGINAL | {"n": 3})
    assert found.recomputed["beyond_best"] is True and "better than the best possible here" in found.reason


def test_a_printed_ratio_among_the_seeds() -> None:
    runs = [
        {**row, "value": 0.88 + 0.01 * row["seed"]} for row in rows(SCRIPT, "learned", 0.0, "quality_ratio", "train")
    ]
    arms = {ONE: {"learned": around(1.8, 0.02), "autoencoder": around(2.0, 0.02, phase=1)}}
    found = superior(made(arms, more=runs), reported=REPORTED, ratio="ratio", released=RELEASED)
    assert found.recomputed["ratio_in_interval"] is True
    assert found.recomputed["released_percentile"] == pytest.approx(25.0)  # 2 of 10 below and 1 equal
    with pytest.raises(InputError, match="ratio"):
        superior(run(0.0), ratio="other")


@pytest.mark.parametrize(
    ("difference", "spread", "seeds", "verdict"),
    [
        (0.005, 0.005, 10, CONFIRMED),
        (-0.5, 0.005, 10, CONFIRMED),
        (0.5, 0.005, 10, REFUTED),
        (0.02, 0.05, 10, INCONCLUSIVE),
        (0.0, 0.005, 3, INCONCLUSIVE),
    ],
)
def test_maintained_performance(difference: float, spread: float, seeds: int, verdict: str) -> None:
    """The margin is 1 % of a loss of 2: 0.02 nats. Far better does not refute 'maintained'."""
    found = not_worse(run(difference, spread, seeds))
    assert found.verdict == verdict
    assert found.recomputed["margin"] == pytest.approx(0.02)


def test_margins() -> None:
    """5 % of a perplexity is ln 1.05 nats; a share of a loss near 0 is not below ``least``."""
    assert not_worse(run(0.04, 0.001), equivalence={"perplexity": 0.05}).verdict == CONFIRMED
    assert not_worse(run(0.04, 0.001), equivalence={"perplexity": 0.01}).verdict == REFUTED
    tiny = made(
        {ONE: {"learned": around(2e-5, 1e-6), "autoencoder": around(1e-6, 1e-7)}},
        bounds={
            "floor": -1.0,
            "unigram": 3.0,
            "chance": 4.0,
        },  # so that it is not solved
    )
    assert not_worse(tiny).verdict == REFUTED
    assert not_worse(tiny, equivalence={"relative": 0.01, "least": 0.001}).verdict == CONFIRMED
    with pytest.raises(InputError, match="'share'"):
        not_worse(run(0.0), equivalence={"share": 0.1})


def test_an_arm_that_learned_nothing_maintains_nothing() -> None:
    """The learned arm is at the unigram entropy, the other below it; or the other is there: then nothing is to keep."""
    results = made({ONE: {"learned": around(3.0), "autoencoder": around(2.9, phase=1)}})
    found = not_worse(results, equivalence={"absolute": 0.5})
    assert found.verdict == INCONCLUSIVE and found.recomputed["vacuous"] == 0
    nothing = made({ONE: {"learned": around(2.9), "autoencoder": around(3.0, phase=1)}})
    assert not_worse(nothing, equivalence={"absolute": 0.5}).recomputed["vacuous"] == 1


def test_fewer_parameters_are_part_of_the_claim() -> None:
    arms = {ONE: {"learned": around(2.0), "autoencoder": around(2.0, phase=1)}}
    sizes = {"learned": 10, "autoencoder": 20}
    for swapped, verdict in ((False, CONFIRMED), (True, REFUTED)):
        costs = {(ONE, arm): {"parameters_head": 30 - size if swapped else size} for arm, size in sizes.items()}
        results = made(arms, costs=costs)
        found = not_worse(results, fewer_than="autoencoder", equivalence={"absolute": 0.1})
        assert found.verdict == verdict


def test_holm_makes_maintained_performance_harder() -> None:
    """Two cells, one of them just maintained: its one-sided p passes alone and not beside another one as large."""
    results = two(0.0, 0.0)
    error = not_worse(run(0.0136, 0.01), equivalence={"absolute": 0.02})
    assert error.verdict == CONFIRMED
    assert not_worse(run(0.0136, 0.01), equivalence={"absolute": 0.02}, holm=True).verdict == INCONCLUSIVE
    assert not_worse(results, equivalence={"absolute": 0.02}, holm=True).verdict == CONFIRMED


def test_a_wide_margin_is_told() -> None:
    found = not_worse(run(0.0), equivalence={"absolute": 1.0})
    assert found.recomputed["margin_share"] == pytest.approx(0.5)
    assert "the margin is 50% of the distance" in found.reason


def axis(shares: dict[int, float], spread: float = 0.005) -> Results:
    """Conditions by vocabulary; the learned arm's loss is lower by these shares of the autoencoder's 2."""
    arms, cells = {}, {}
    for size, share in shares.items():
        name = f"learned_encoding/task/done-right/v{size}"
        other = around(2.0, 0.02)
        arms[name] = {"learned": [v - 2 * d for v, d in zip(other, around(share, spread, phase=size), strict=True)]}
        arms[name]["autoencoder"] = other
        cells[name] = {"vocab_size": size}
    return made(arms, cells)


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({50: 0.1, 100: 0.12, 200: 0.14}, CONFIRMED),
        ({50: 0.2, 100: 0.15, 200: 0.1}, INCONCLUSIVE),
        ({50: 0.2, 100: 0.1, 200: -0.1}, REFUTED),
        ({50: 0.02, 100: 0.025, 200: 0.03}, TOO_SMALL),
        ({50: 0.1}, INCONCLUSIVE),
    ],
)
def test_persistence(shares: dict[int, float], verdict: str) -> None:
    cells = [{**CELLS[0], "select": {"vocab_size": list(shares)}}]
    found = RULES["persists"](axis(shares), {}, cells=cells, metric="cross_entropy", axis="vocab_size")
    assert found.verdict == verdict
    if len(shares) > 1:
        sizes, values = sorted(shares), [100 * shares[size] for size in sorted(shares)]
        expected = (values[-1] - values[0]) / (len(sizes) - 1)  # per doubling, and the values are on a line
        assert found.recomputed["slope"] == pytest.approx(expected, rel=0.4)


def test_persistence_of_an_artefact() -> None:
    results = with_script(0.5, -0.5)
    found = RULES["persists"](
        results, {}, cells=CELLS, metric="cross_entropy", axis="dataset", released=RELEASED, seeds=10
    )
    assert found.verdict == ARTEFACT
    nothing = RULES["persists"](
        results, {}, cells=[{"study": "x/y", "pairs": [["a", "b"]]}], metric="accuracy", axis="z"
    )
    assert nothing.verdict == UNTESTABLE


def test_a_claim_that_needs_another_study() -> None:
    found = RULES["needs_study"](run(0.0), {}, study="learned_encoding/genomic", needs="it takes DNA")
    assert found.verdict == UNTESTABLE and "it takes DNA" in found.reason
    with pytest.raises(InputError, match="give the claim a rule"):
        RULES["needs_study"](run(0.0), {}, study="learned_encoding/task", needs="nothing")
