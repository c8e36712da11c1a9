"""The rules on fronts, mechanisms, learning speed and growth, on made-up runs with known answers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from claims_frames import around, made, rows

from tokentrial.claims.decisions import CLAIMS
from tokentrial.claims.rules import RULES, Results
from tokentrial.claims.rules.progress import first_below
from tokentrial.claims.verdict import ARTEFACT, CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, UNTESTABLE, Finding
from tokentrial.cramming.columns import DECISIONS
from tokentrial.errors import InputError

RATIOS = (2, 4, 8, 16)


def task(name: object, study: str = "learned_encoding/task") -> str:
    return f"{study}/done-right/{name}"


def front(gains: dict[int, float], spread: float = 0.01, rival_size: int = 0, flat: float = 2.0) -> Results:
    """Learned points of 100 / ratio numbers whose loss is lower by these gains than that of a rival of that size."""
    arms, cells, costs = {}, {}, {}
    for ratio, gain in gains.items():
        name = task(f"ratio-{ratio}")
        rival = around(flat, 0.02)
        learned = [v - d for v, d in zip(rival, around(gain, spread, phase=ratio), strict=True)]
        arms[name] = {"learned": learned, "autoencoder": rival}
        cells[name] = {"ratio": ratio, "head": "mlp"}
        size = {"parameters_head": 100 // ratio, "bits_deployed": 3200 // ratio}
        costs[(name, "learned")] = size
        costs[(name, "autoencoder")] = {key: value + rival_size for key, value in size.items()}
    return made(arms, cells, costs)


def on_front(results: Results, **changes: Any) -> Finding:
    given: dict[str, Any] = {"study": "learned_encoding/task", "select": {"ratio": list(RATIOS)}, "group": "head"}
    given |= {"arm": "learned", "others": ["autoencoder"], "metric": "cross_entropy", "least": 3}
    return RULES["on_front"](results, {}, **(given | {"axes": ["parameters", "bits_deployed"]} | changes))


@pytest.mark.parametrize(
    ("gains", "spread", "verdict"),
    [
        ((0.5, 0.5, 0.5, 0.5), 0.01, CONFIRMED),
        ((0.5, 0.5, 0.5, -0.5), 0.01, CONFIRMED),
        ((0.5, 0.5, -0.5, -0.5), 0.01, REFUTED),
        ((0.1, 0.1, 0.1, 0.1), 1.5, INCONCLUSIVE),
    ],
)
def test_pareto_front(gains: tuple[float, ...], spread: float, verdict: str) -> None:
    """Three of four points are needed; a point counts if no rival that is no larger may be as good."""
    found = on_front(front(dict(zip(RATIOS, gains, strict=True)), spread))
    assert found.verdict == verdict
    if spread < 1:
        assert found.recomputed["on_front_mlp"] == sum(gain > 0 for gain in gains)


def test_a_larger_rival_cannot_dominate() -> None:
    worse = dict.fromkeys(RATIOS, -0.5)
    assert on_front(front(worse)).verdict == REFUTED
    assert on_front(front(worse, rival_size=10_000)).verdict == CONFIRMED
    with pytest.raises(InputError, match="axes"):
        on_front(front(worse), axes=["seconds"])


def test_a_point_that_learned_nothing_is_not_on_the_front() -> None:
    found = on_front(front(dict.fromkeys(RATIOS, 0.1), flat=3.2))
    assert found.verdict == INCONCLUSIVE and found.recomputed["nothing_learned_mlp"] == 4
    assert on_front(front({2: 0.5}), study="learned_encoding/none").verdict == UNTESTABLE


def sized(
    against_budget: float, against_standard: float, sizes: tuple[int, int] = (10, 20), spread: float = 0.01
) -> Results:
    base, name = around(2.0, 0.02), task("chain", "bespoke/efficiency")
    arms = {
        "bespoke": base,
        "budget": [v - d for v, d in zip(base, around(against_budget, spread, phase=1), strict=True)],
        "standard": [v - d for v, d in zip(base, around(against_standard, spread, phase=2), strict=True)],
    }
    costs = {(name, arm): {"parameters_head": n} for arm, n in zip(("bespoke", "standard"), sizes, strict=True)}
    return made({name: arms}, {}, costs)


@pytest.mark.parametrize(
    ("budget", "standard", "sizes", "spread", "verdict"),
    [
        (-0.5, 0.5, (10, 20), 0.01, CONFIRMED),
        (0.0, 0.0, (10, 20), 0.01, CONFIRMED),
        (0.0, 0.0, (20, 10), 0.01, REFUTED),
        (0.5, 0.5, (10, 20), 0.01, REFUTED),
        (-0.05, 0.5, (10, 20), 0.01, TOO_SMALL),
        (0.1, 0.1, (10, 20), 1.5, INCONCLUSIVE),
    ],
)
def test_better_for_its_size(
    budget: float, standard: float, sizes: tuple[int, int], spread: float, verdict: str
) -> None:
    """Better at equal parameters, or as good (1 % of the loss) with fewer; a larger arm that is as good is neither."""
    study = "bespoke/efficiency"
    found = RULES["better_for_its_size"](
        sized(budget, standard, sizes, spread), {}, metric="cross_entropy", equivalence={"relative": 0.01},
        equal=[{"study": study, "pairs": [["bespoke", "budget"]]}],
        larger=[{"study": study, "pairs": [["bespoke", "standard"]]}],
    )  # fmt: skip
    assert found.verdict == verdict
    assert found.recomputed["at_fewer"] == int(sizes[0] < sizes[1])


def test_an_arm_has_to_beat_all_arms_of_its_size() -> None:
    """Better than uniform widths and no better than widths given at random: frequency is not what helps."""
    base, name = around(2.0, 0.02), task("chain", "bespoke/efficiency")
    worse = {arm: [v + d for v, d in zip(base, around(gain, phase=k), strict=True)] for k, (arm, gain) in
             enumerate({"budget": 0.5, "permuted": 0.0, "third": 0.5}.items())}  # fmt: skip
    results = made({name: {"bespoke": base, **worse}})

    def judged(*others: str) -> str:
        equal = [{"study": "bespoke/efficiency", "pairs": [["bespoke", other] for other in others]}]
        larger = [{"study": "bespoke/efficiency", "pairs": [["bespoke", "budget"]]}]  # of unknown size
        given = {"metric": "cross_entropy", "equivalence": {"relative": 0.01}, "equal": equal, "larger": larger}
        return RULES["better_for_its_size"](results, {}, **given).verdict

    assert judged("budget", "third") == CONFIRMED
    assert judged("budget", "permuted") == REFUTED


def signal(shuffled: float, relabelled: float, spread: float = 0.01) -> Results:
    """Gains over a blind model's loss of 3: 1 on intact text, another on shuffled; relabelling adds to the loss."""
    names = {part: task(part, "learned_encoding/signal") for part in ("ordered", "shuffled", "relabelled")}
    blind = around(3.0, 0.05)
    minus = {"ordered": 1.0, "shuffled": shuffled, "relabelled": 1.0 - relabelled}
    arms = {
        names[part]: {
            "learned": [v - d for v, d in zip(blind, around(gain, spread, phase=k), strict=True)],
            "unigram": blind,
        }
        for k, (part, gain) in enumerate(minus.items())
    }
    return made(arms, bounds={"floor": 1.0, "chance": 4.0})


def relationships(results: Results, **changes: Any) -> Finding:
    given = {"study": "learned_encoding/signal", "intact": "ordered", "shuffled": "shuffled", "arm": "learned"}
    return RULES["from_relationships"](
        results, {}, **(given | {"blind": "unigram", "equivalence": {"relative": 0.01}} | changes)
    )


@pytest.mark.parametrize(
    ("shuffled", "relabelled", "spread", "verdict"),
    [
        (0.05, 0.0, 0.01, CONFIRMED),
        (0.3, 0.0, 0.01, REFUTED),
        (0.05, 0.5, 0.01, REFUTED),
        (0.1, 0.0, 0.05, INCONCLUSIVE),
    ],
)
def test_shuffling_removes_the_signal(shuffled: float, relabelled: float, spread: float, verdict: str) -> None:
    """At least 90 % of a gain of 1 must go, and relabelling may change the loss of 2 by 0.02 at most."""
    found = relationships(signal(shuffled, relabelled, spread), removed=0.9, relabelled="relabelled")
    assert found.verdict == verdict
    assert found.recomputed["removed"] == pytest.approx(1 - shuffled, abs=0.01)
    if shuffled == 0.1:
        assert relationships(signal(shuffled, 0.0, spread), removed=0.9).verdict == INCONCLUSIVE


@pytest.mark.parametrize(("floor", "verdict"), [(2.95, UNTESTABLE), (2.85, CONFIRMED), (1.0, CONFIRMED)])
def test_what_cannot_fail_decides_nothing(floor: float, verdict: str) -> None:
    """The blind loss is 3 and the intact gain 1: at a floor above 2.9, shuffling removes 90 % whatever the arm does."""
    results = signal(0.05, 0.0)
    shuffled = task("shuffled", "learned_encoding/signal")
    summary = results.summary.assign(unigram=3.0)
    summary.loc[summary["condition"] == shuffled, "floor"] = floor
    found = relationships(replace(results, summary=summary), removed=0.9)
    assert found.verdict == verdict
    assert ("by construction" in found.reason) == (verdict == UNTESTABLE)


@pytest.mark.parametrize(
    ("shuffled", "spread", "verdict"),
    [(0.0, 0.01, CONFIRMED), (0.2, 0.01, REFUTED), (0.03, 0.03, INCONCLUSIVE)],
)
def test_no_gain_is_left_in_shuffled_text(shuffled: float, spread: float, verdict: str) -> None:
    """The margin is 1 % of the blind loss of 3."""
    assert relationships(signal(shuffled, 0.0, spread)).verdict == verdict
    assert relationships(signal(shuffled, 0.0, spread), seeds=20).verdict == INCONCLUSIVE
    assert relationships(signal(0.0, 0.0), intact="other").verdict == UNTESTABLE


@pytest.mark.parametrize(("difference", "verdict"), [(0.0, CONFIRMED), (0.3, CONFIRMED), (-0.3, INCONCLUSIVE)])
def test_codes_no_better_than_random(difference: float, verdict: str) -> None:
    """Better codes do not refute a misalignment: the rule's other half is not in the run, and the reason says so."""
    random = around(2.0, 0.02)
    codes = [v + d for v, d in zip(random, around(difference, phase=1), strict=True)]
    results = made({task("one"): {"learned": random, "autoencoder": codes, "random_frozen": random}})
    found = RULES["no_better_than_random"](
        results, {}, metric="cross_entropy", equivalence={"absolute": 0.05}, needs="stopped autoencoders",
        cells=[{"study": "learned_encoding/task", "pairs": [["autoencoder", "random_frozen"]]}],
    )  # fmt: skip
    assert found.verdict == verdict
    assert ("stopped autoencoders" in found.reason) == (verdict == INCONCLUSIVE)
    assert len(found.comparisons) == 2  # the rows that hold the two arms, since none compares them


def curves(
    arm: float,
    other: float,
    seeds: int = 10,
    jitter: float = 1.0,
    study: str = "learned_encoding/task",
    two_stage: bool = False,
) -> Results:
    """Validation losses that fall on a line from chance, 4, to 2 within so many steps (a little more by seed).

    two_stage: the other arm starts from a table that took the full arm's 400 steps.
    """
    name, more = task("one", study), []
    for arm_name, steps in (("learned", arm), ("autoencoder", other)):
        for seed, extra in enumerate(around(steps, jitter, seeds, phase=len(arm_name))):
            for step in range(0, 400, 10):
                loss = max(2.0, 4.0 - 2.0 * step / extra)
                found = {"study": name.split("/")[0], "condition": name, "arm": arm_name, "seed": seed}
                more.append(
                    found
                    | {
                        "split": "validation",
                        "step": float(step),
                        "metric": "cross_entropy",
                        "value": loss,
                        "unit": "nats",
                    }
                )
    costs = {(name, arm_name): {"steps": 400, "steps_before": 0} for arm_name in ("learned", "autoencoder", "full")}
    if two_stage:
        costs[name, "autoencoder"] |= {"steps_before": 400, "starts_from": "full"}
    arms = {name: {arm_name: around(2.0, 0.01, seeds) for arm_name in ("learned", "autoencoder", "full")}}
    return made(arms, {}, costs, more)


def faster(results: Results, **changes: Any) -> Finding:
    cells = [{"study": "learned_encoding/task", "pairs": [["learned", "autoencoder"]]}]
    return RULES["faster"](results, {}, **({"cells": cells, "share": 0.5} | changes))


@pytest.mark.parametrize(
    ("arm", "other", "seeds", "jitter", "verdict"),
    [
        (100, 200, 10, 1.0, CONFIRMED),
        (200, 100, 10, 1.0, REFUTED),
        (150, 150, 10, 1.0, REFUTED),
        (195, 200, 10, 0.5, TOO_SMALL),
        (150, 150, 10, 60.0, INCONCLUSIVE),
        (100, 200, 3, 1.0, INCONCLUSIVE),
    ],
)
def test_steps_to_a_loss(arm: float, other: float, seeds: int, jitter: float, verdict: str) -> None:
    """Half of the way from chance to the best loss takes half of the steps; the margin is 5 % of the other's steps."""
    found = faster(curves(arm, other, seeds, jitter))
    assert found.verdict == verdict
    if jitter <= 1:
        assert found.recomputed["difference"] == pytest.approx((arm - other) / 2, abs=0.2)


def test_the_steps_of_a_table_count_for_the_arm_that_starts_from_it() -> None:
    found = faster(curves(200, 100, two_stage=True))
    assert found.verdict == CONFIRMED
    assert found.recomputed["difference"] == pytest.approx(50 - 400, abs=0.2)
    assert found.recomputed["last_stage_fewer"] == 0 and "train its table (arm full)" in found.reason


def test_enough_cells_can_be_fewer_than_all() -> None:
    study = "learned_encoding/task"
    assert faster(curves(100, 200), least={study: 1}).verdict == CONFIRMED
    assert faster(curves(200, 100), least={study: 1}).verdict == REFUTED
    assert faster(curves(150, 150, jitter=60.0), least={study: 1}).verdict == INCONCLUSIVE
    assert faster(made({task("one"): {"learned": around(2.0), "autoencoder": around(2.1)}})).verdict == UNTESTABLE


def test_first_step_below_a_loss_is_interpolated() -> None:
    curve = pd.Series([4.0, 3.0, 3.5, 2.0], index=[0.0, 10.0, 20.0, 30.0])
    assert first_below(curve, 3.25) == pytest.approx(7.5)
    assert first_below(curve, 2.5) == pytest.approx(20 + 10 * 1.0 / 1.5)
    assert first_below(curve, 5.0) == 0.0
    assert np.isnan(first_below(curve, 1.0))


def corpora(advantages: dict[int, float], released: dict[int, float] | None = None, spread: float = 0.01) -> Results:
    """Corpora by tokens with these advantages of bespoke over standard, done right and as released."""
    arms, cells, more = {}, {}, []
    for size, gain in advantages.items():
        name = task(f"corpus-{size}", "bespoke/scaling")
        standard = around(2.0, 0.02)
        arms[name] = {"standard": standard}
        arms[name]["bespoke"] = [v - d for v, d in zip(standard, around(gain, spread, phase=size), strict=True)]
        cells[name] = {"train": size, "length": 10}
    for size, gain in (released or {}).items():
        name = f"bespoke/as-released/scaling/corpus-{size}"
        more += [*rows(name, "standard", around(2.0)), *rows(name, "bespoke", around(2.0 - gain, phase=1))]
        fresh = f"{name}-fresh"
        more += [
            *rows(fresh, "standard", around(2.0), step=5.0),
            *rows(fresh, "bespoke", around(2.0, phase=2), step=5.0),
        ]
    return made(arms, cells, more=more)


GROWING = {1: 0.1, 2: 0.2, 4: 0.3}


@pytest.mark.parametrize(
    ("advantages", "released", "spread", "verdict"),
    [
        (GROWING, None, 0.01, CONFIRMED),
        ({1: -0.3, 2: -0.2, 4: -0.1}, None, 0.01, REFUTED),
        ({1: -0.3, 2: -0.2, 4: -0.1}, GROWING, 0.01, ARTEFACT),
        ({1: 0.3, 2: 0.2, 4: 0.1}, None, 0.01, REFUTED),
        ({1: 0.1, 2: 0.1, 4: 0.1}, GROWING, 0.2, ARTEFACT),
        ({1: 0.1, 2: 0.1, 4: 0.1}, None, 0.2, INCONCLUSIVE),
        ({1: 0.1}, None, 0.01, UNTESTABLE),
    ],
)
def test_growth(advantages: dict[int, float], released: dict[int, float] | None, spread: float, verdict: str) -> None:
    """A disadvantage that shrinks is no growing advantage; growth with more steps only is the released code's."""
    found = RULES["grows"](
        corpora(advantages, released, spread), {}, study="bespoke/scaling", arm="bespoke", other="standard",
        script="scaling", released_pair=["bespoke", "standard"],
    )  # fmt: skip
    assert found.verdict == verdict
    if verdict in (CONFIRMED, REFUTED):
        assert abs(found.recomputed["slope"]) == pytest.approx(0.1, abs=0.01)  # nats per doubling
    if released:
        assert found.recomputed["released_slope"] == pytest.approx(0.1, abs=0.01)
        assert found.recomputed["released_equal_steps"] == 1


def decision(quantity: str, outcome: str, estimate: float | None, model: str = "all", n: int = 16) -> dict[str, Any]:
    row = dict.fromkeys(DECISIONS.names) | {"claim": "CR4-LINEAR", "design": "vectors", "model": model, "n": n}
    ends = {"estimate": estimate, "low": estimate, "high": None, "threshold": "in [0.8, 1.2]"}
    return row | ends | {"quantity": quantity, "outcome": outcome, "reason": f"{outcome}: {estimate}."}


def decided(*rows: dict[str, Any], claim: str = "CR4-LINEAR") -> Finding:
    results = replace(made({task("one"): {"learned": 2.0}}), decisions=pd.DataFrame(rows, columns=DECISIONS.names))
    return RULES["as_decided"](results, {}, claim=claim)


@pytest.mark.parametrize(
    ("outcome", "estimate", "verdict"),
    [
        ("supported", 0.95, CONFIRMED),
        ("refuted", 0.5, REFUTED),
        ("inconclusive at this scale", 0.7, INCONCLUSIVE),
        ("inconclusive at this scale", None, UNTESTABLE),
        (CONFIRMED, 0.95, CONFIRMED),
        (UNTESTABLE, None, UNTESTABLE),
    ],
)
def test_decisions_of_the_cramming_study(outcome: str, estimate: float | None, verdict: str) -> None:
    criterion = decision("exponent", outcome, estimate, model="llama-64x4")
    found = decided(criterion, decision("verdict", outcome, None, "llama-64x4"), decision("verdict", outcome, None))
    assert found.verdict == verdict and found.rows == 3 and found.reason == f"{outcome}: None."
    assert found.recomputed.get("exponent (llama-64x4)") == estimate
    assert found.recomputed.get("exponent (llama-64x4) high") is None


def test_decisions_that_cannot_be_read() -> None:
    assert decided().verdict == UNTESTABLE
    with pytest.raises(InputError, match="'CR4-OTHER' with 0 verdicts"):
        decided(decision("verdict", "supported", 1.0), claim="CR4-OTHER")
    with pytest.raises(InputError, match="'perhaps'"):
        decided(decision("verdict", "perhaps", 1.0))
    assert {f"CR4-{name}" for name in ("X10", "X1500", "UNCERT", "LARGER", "FAMILIAR", "LINEAR", "RANDOM")} <= set(
        CLAIMS
    )
