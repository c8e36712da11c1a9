"""The cramming study's decisions: each rule supported, refuted and left open by runs made for it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cramming_runs as synthetic
import pytest
import views
import yaml

from tokentrial import results
from tokentrial.claims import decisions
from tokentrial.claims.decisions import single
from tokentrial.claims.decisions.deciding import OF_ANY_SIZE, of_today, said, together
from tokentrial.claims.judge import above, at_least, at_most, below, within
from tokentrial.claims.verdict import ARTEFACT, CONFIRMED, INCONCLUSIVE, REFUTED, TOO_SMALL, UNTESTABLE
from tokentrial.cramming.columns import ALL, DECISIONS, VERDICT
from tokentrial.cramming.measures import table
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

ROOT = Path(__file__).parents[2]
PUBLISHED = decisions.published_models(views.printed())
KINDS = ("text-test", "samples", "random-words", "random-tokens", "shuffled")
WIDE = (4, 8, 12, 16, 24, 32, 48)
Row = dict[str, Any]


def decide(rows: Iterable[synthetic.Row], claim: str, **settings: Any) -> tuple[Row, list[Row]]:
    """The verdict of all models and the rows of one claim."""
    evidence = synthetic.evidence(rows, settings.pop("models", None), **settings)
    own = [row for row in decisions.rows(evidence, PUBLISHED) if row["claim"] == claim]
    [verdict] = [row for row in own if row["quantity"] == VERDICT and row["model"] == ALL]
    return verdict, own


def model(name: str, width: int, layers: int, room: float, loss: float = 4.0, **more: Any) -> list[synthetic.Row]:
    return synthetic.facts("capacity", name, width, layers, loss) + synthetic.cells("capacity", name, room=room, **more)


def kinds(rooms: Mapping[str, float] | None = None, **more: Any) -> list[synthetic.Row]:
    lengths = more.pop("lengths", WIDE)
    made = synthetic.cells("uncertainty", "x-1", more.pop("kinds", KINDS), lengths, rooms=rooms, **more)
    return synthetic.facts("uncertainty", "x-1") + made


# The thresholds


def estimate(low: float | None, high: float | None, note: str = "") -> Estimate:
    return Estimate(1.0, low, high, 16, note)


def test_intervals_against_limits() -> None:
    assert [above(estimate(*ends), 1) for ends in ((1.1, 2), (0.9, 2), (0.1, 0.9))] == [True, None, False]
    assert above(estimate(1, 2), 1) is None
    assert [below(estimate(*ends), 1) for ends in ((1.1, 2), (0.9, 2), (0.1, 0.9))] == [False, None, True]
    assert at_least(estimate(1, 2), 1) is True
    assert [at_most(estimate(*ends), 1) for ends in ((0, 1), (0.9, 2), (1.1, 2))] == [True, None, False]
    assert [within(estimate(*ends), 1, 2) for ends in ((1, 2), (0.9, 2), (2.1, 3), (0, 0.9))] == [
        True,
        None,
        False,
        False,
    ]
    for unknown in (estimate(None, None), estimate(1.5, None), estimate(None, 1.5)):
        assert within(unknown, 1, 2) is None
    assert above(estimate(32, None, ABOVE), 20) is True  # beyond the grid on the good side
    assert above(estimate(None, 4, BELOW), 20) is False


def test_estimates_in_words() -> None:
    assert said(Estimate(1.2345, -1, 2, 9)) == "1.23 [−1, 2]"
    assert said(Estimate(32.0, 24, None, 9, ABOVE)) == "at least 32 [24, –]"
    assert said(Estimate(None, None, 4, 9, BELOW)) == "below the shortest length of the grid [–, 4]"
    assert said(Estimate(None, None, None, 0, "no text")) == "not defined (no text)"


# (a) to (f)


@pytest.mark.parametrize(
    ("room", "outcome"), [(120.0, CONFIRMED), (20.0, REFUTED), (60.0, INCONCLUSIVE), (2.0, REFUTED), (1e3, CONFIRMED)]
)
def test_a(room: float, outcome: str) -> None:
    rows = model("small-1", 64, 2, 200.0) + model("large-1", 128, 2, room)
    verdict, own = decide(rows, "a")
    assert verdict["outcome"] == outcome
    assert {row["model"] for row in own} == {"large-1", ALL}
    assert "N_max of large-1" in verdict["reason"]
    assert verdict["met"] is {CONFIRMED: True, REFUTED: False, INCONCLUSIVE: None}[outcome]
    assert verdict["n"] == 16


def beside(own: list[Row]) -> set[str]:
    """The quantities that are reported and decide nothing."""
    return {row["quantity"] for row in own if row["quantity"] != VERDICT and not row["outcome"]}


def test_entropy_against_length_stands_beside_the_claim() -> None:
    verdict, own = decide(kinds(kinds=(*KINDS, "repeated"), room=40.0), "CR4-UNCERT")
    assert beside(own) == {"auc_difference", "logistic_length", "entropy_slope", "kind_ratio"}
    assert "AUC" not in verdict["reason"] and "AUC" not in verdict["threshold"]
    [ratio] = [row for row in own if row["quantity"] == "kind_ratio"]
    assert ratio["low"] <= 1.5


def test_depth_and_losses_stand_beside_the_order_of_sizes() -> None:
    rows = model("llama-64x2", 64, 2, 20.0) + model("llama-128x2", 128, 2, 40.0) + model("llama-64x4", 64, 4, 10.0, 3.0)
    _, own = decide(rows, "CR4-LARGER")
    assert beside(own) >= {"gain_ratio_layers", "validation_loss", "gain_ratio_equal_loss"}
    [depth] = [row for row in own if row["quantity"] == "gain_ratio_layers"]
    assert (depth["estimate"], depth["outcome"]) == (pytest.approx(0.5), "")
    assert len([row for row in own if row["quantity"] == "gain_ratio_equal_loss"]) == 1  # of losses 4.0, 4.0 and 3.0


def test_linear_names_the_numbers_that_are_missing() -> None:
    rows = [each for m in (1, 4) for each in synthetic.cells("v", "x-1", lengths=(16 * m,), vectors=m, room=20.0 * m)]
    verdict, _ = decide(rows, "CR4-LINEAR")
    assert verdict["outcome"] == INCONCLUSIVE
    assert "2 vectors with x-1; 8 vectors with x-1" in verdict["reason"]
    alone, _ = decide(synthetic.cells("v", "x-1"), "CR4-LINEAR")
    assert "lacks a model with 1, 2, 4 and 8 vectors" in alone["reason"]
    assert alone["outcome"] == UNTESTABLE


@pytest.mark.parametrize(
    ("room", "outcome"), [(44.0, CONFIRMED), (15.0, REFUTED), (90.0, CONFIRMED), (24.0, INCONCLUSIVE)]
)
def test_e(room: float, outcome: str) -> None:
    rows = kinds({"random-words": room}, kinds=("text-test", "random-words"), room=40.0, spread=0.08)
    assert decide(rows, "e")[0]["outcome"] == outcome


def test_e_without_natural_text_is_open() -> None:
    verdict, _ = decide(kinds(kinds=("random-words",)), "e")
    assert (verdict["outcome"], verdict["reason"]) == (INCONCLUSIVE, "Not decided: this run lacks text-test with x-1.")


@pytest.mark.parametrize(
    ("mamba", "loss", "outcome"),
    [(28.0, 4.05, CONFIRMED), (8.0, 4.05, REFUTED), (28.0, 4.5, INCONCLUSIVE), (-5.0, 4.0, REFUTED)],
)
def test_f(mamba: float, loss: float, outcome: str) -> None:
    rows = model("llama-64x4", 64, 4, 30.0) + model("neox-64x4", 64, 4, 25.0) + model("mamba-64x4", 64, 4, mamba, loss)
    verdict, _ = decide(rows + model("llama-128x2", 128, 2, 50.0), "f")
    assert verdict["outcome"] == outcome, verdict["reason"]
    assert ("validation losses 0.50 nat apart" in verdict["reason"]) == (loss == 4.5)


def test_f_names_the_architecture_that_is_missing() -> None:
    verdict, _ = decide(model("llama-64x4", 64, 4, 30.0) + model("neox-64x4", 64, 4, 25.0), "f")
    assert verdict["reason"] == "Not decided: this run lacks a trained mamba model of the same width."


# Common


def test_too_few_texts_decide_nothing() -> None:
    rows = model("large-1", 128, 2, 120.0, texts=15)
    assert decide(rows, "a")[0]["reason"] == "Not decided: 15 texts in the smallest cell, the rule asks for 16."
    assert decide(rows, "a", minimum_texts=15)[0]["outcome"] == CONFIRMED


def test_a_run_of_nothing_much_leaves_every_claim_open() -> None:
    """Never an exception: one text, one length, no facts."""
    for rows in (
        synthetic.cells("capacity", "x-1", lengths=(8,), texts=1),
        synthetic.cells("controls", "x-1", arm="control.prefix"),
        synthetic.cells("capacity", "untrained", room=0.0),
        [each for each in synthetic.cells("capacity", "x-1") if each[6] in ("accuracy", "greedy_exact")],
    ):
        made = decisions.rows(synthetic.evidence(rows))
        verdicts = {row["claim"]: row for row in made if row["quantity"] == VERDICT and row["model"] == ALL}
        assert tuple(verdicts) == decisions.CLAIMS
        assert {row["outcome"] for row in verdicts.values()} <= {INCONCLUSIVE, UNTESTABLE}
        assert all(row["reason"].startswith("Not decided: ") for row in verdicts.values())
        table(made, DECISIONS)
    assert decisions.rows(synthetic.evidence([])) == []


def test_a_whole_study_is_decided() -> None:
    made = decisions.rows(synthetic.evidence(synthetic.study()), PUBLISHED)
    written = table(made, DECISIONS).to_pandas()
    is_verdict = written["quantity"] == VERDICT
    assert set(written.loc[is_verdict, "outcome"]) <= {CONFIRMED, REFUTED, INCONCLUSIVE, UNTESTABLE}
    assert set(written.loc[~is_verdict, "outcome"]) <= {"met", "not met", "undecided", ""}
    own = written[(written["quantity"] == VERDICT) & (written["model"] == ALL)].set_index("claim")
    assert list(own.index) == list(decisions.CLAIMS)
    expected = {"CR4-UNCERT": CONFIRMED, "CR4-LARGER": CONFIRMED, "CR4-LINEAR": CONFIRMED, "f": CONFIRMED}
    expected |= {"CR4-X10": UNTESTABLE, "CR4-X1500": UNTESTABLE}
    expected |= {"control.random-vector": CONFIRMED, "control.untrained": CONFIRMED, "control.shared": CONFIRMED}
    assert {name: own.loc[name, "outcome"] for name in expected} == expected
    assert written["reason"].str.endswith(".").all()


def test_models_that_disagree_leave_a_claim_open() -> None:
    def verdict(name: str, outcome: str) -> Row:
        rest = {"estimate": 1.0, "low": 0.0, "high": 2.0, "n": 16, "threshold": "t", "reason": "Because."}
        return {"claim": "b", "design": "d", "model": name, "quantity": VERDICT, "outcome": outcome, **rest}

    def of(*outcomes: str) -> str:
        rows = [verdict(f"m{i}", outcome) for i, outcome in enumerate(outcomes)]
        found = together("b", rows, synthetic.evidence([]))
        return str(found[0]["outcome"])

    assert of(CONFIRMED) == of(CONFIRMED, CONFIRMED) == CONFIRMED
    assert of(CONFIRMED, REFUTED) == of(CONFIRMED, INCONCLUSIVE) == INCONCLUSIVE
    assert of(REFUTED, INCONCLUSIVE) == REFUTED
    assert (of(CONFIRMED, UNTESTABLE), of(UNTESTABLE, UNTESTABLE)) == (CONFIRMED, UNTESTABLE)


# Controls


@pytest.mark.parametrize(
    ("control", "good", "bad"), [("random-vector", -1.0, 5.0), ("prefix", 5.0, 60.0), ("shared", 12.0, 60.0)]
)
def test_controls(control: str, good: float, bad: float) -> None:
    for room, outcome in ((good, CONFIRMED), (bad, REFUTED)):
        rows = model("x-1", 64, 2, 30.0)
        rows += synthetic.cells("controls", "x-1", lengths=(16, 32), arm=f"control.{control}", room=room)
        assert decide(rows, f"control.{control}")[0]["outcome"] == outcome
    missing, _ = decide(model("x-1", 64, 2, 30.0), f"control.{control}")
    assert missing["reason"] == f"Not decided: this run lacks the control {control} on text-test."


def test_the_untrained_model_is_known_by_its_epochs_alone() -> None:
    fresh = {"fresh-1": {"train": {"epochs": 0}}, "untrained": {"train": {"epochs": 3}}}
    rows = model("x-1", 64, 2, 30.0) + model("fresh-1", 64, 2, 1.0) + model("untrained", 64, 2, 25.0)
    verdict, own = decide(rows, "control.untrained", models=fresh)
    assert verdict["outcome"] == CONFIRMED
    assert {row["model"] for row in own} == {"fresh-1", ALL}
    assert (
        decide(rows, "control.untrained", models={})[0]["reason"] == "Not decided: this run lacks an untrained model."
    )
    loud = model("x-1", 64, 2, 30.0) + model("untrained", 64, 2, 20.0)
    assert decide(loud, "control.untrained")[0]["outcome"] == REFUTED
    assert "a" in {row["claim"] for row in decisions.rows(synthetic.evidence(loud))}
    assert decide(loud, "a")[0]["reason"].count("x-1") == 1  # never the untrained one


def test_a_takes_the_first_named_model_with_enough_texts_beyond_the_limit() -> None:
    named = {"largest": ["few-1", "short-1", "named-1"]}
    rows = model("few-1", 512, 2, 200.0, texts=8) + model("short-1", 256, 2, 200.0, lengths=(8, 16))
    rows += model("named-1", 64, 2, 20.0) + model("wide-1", 1024, 2, 200.0)
    verdict, own = decide(rows, "a", compared=named)
    assert {row["model"] for row in own} == {"named-1", ALL}
    assert verdict["outcome"] == REFUTED
    assert {row["model"] for row in decide(rows, "a", compared={})[1]} == {"wide-1", ALL}  # the most parameters


# Single claims


@pytest.mark.parametrize(
    ("encoder", "tuned", "outcome"), [(15.0, 60.0, CONFIRMED), (120.0, 130.0, REFUTED), (15.0, 14.0, INCONCLUSIVE)]
)
def test_x10(encoder: float, tuned: float, outcome: str) -> None:
    rows = model("x-1", 64, 2, tuned)
    rows += synthetic.cells("encoder", "x-1", arm="encoder", room=encoder)
    assert decide(rows, "CR4-X10")[0]["outcome"] == outcome


@pytest.mark.parametrize(
    ("lengths", "room", "outcome"),
    [
        ((16, 32, 64, 80, 96, 128), 400.0, CONFIRMED),
        ((16, 32, 64, 80, 96, 128), 60.0, REFUTED),
        ((4, 8), 400.0, INCONCLUSIVE),
    ],
)
def test_x1500(lengths: tuple[int, ...], room: float, outcome: str) -> None:
    rows = synthetic.cells("capacity", "pythia-160m", lengths=lengths, room=room, spread=0.05, arm="paper")
    verdict, _ = decide(rows, "CR4-X1500")
    assert verdict["outcome"] == outcome, verdict["reason"]
    unknown, _ = decide(synthetic.cells("capacity", "x-1"), "CR4-X1500")
    assert unknown["reason"] == "Not decided: this run lacks a model with a published capacity (models run: x-1)."


def test_steps_of_the_grid() -> None:
    assert PUBLISHED.capacities["pythia-160m"] == 80
    assert PUBLISHED.capacities[single.plain_name("meta-llama/Llama-3.1-8B")] == 1568
    assert single.steps_apart(64, 80, [32, 64, 80, 96]) == 1
    assert single.steps_apart(32, 80, [32, 64, 96]) == 2  # the published length is a step of its own
    assert single.steps_apart(None, 80, [32]) is None


def test_uncertainty_by_variation() -> None:
    four = ("text-test", "shuffled", "random-words", "repeated")
    fine = tuple(range(4, 41, 2))
    verdict, own = decide(kinds(kinds=four, lengths=fine, room=40.0), "CR4-UNCERT")
    assert verdict["outcome"] == CONFIRMED, verdict["reason"]
    rooms = {kind: 10.0 * synthetic.RATES[kind] for kind in four}
    refuted, _ = decide(kinds(rooms, kinds=four, lengths=fine), "CR4-UNCERT")
    assert refuted["outcome"] == REFUTED
    coarse, _ = decide(kinds(kinds=four, lengths=(4, 8), room=400.0), "CR4-UNCERT")
    assert "fewer than 3 kinds have a capacity that is known to one token" in coarse["reason"]
    assert {row["quantity"] for row in own} >= {"cv_difference", "common_ceiling"}


@pytest.mark.parametrize(("rooms", "outcome"), [((20, 40, 80), CONFIRMED), ((20, 40, 30), REFUTED)])
def test_larger(rooms: tuple[float, ...], outcome: str) -> None:
    rows = [
        each
        for width, room in zip((64, 128, 256), rooms, strict=True)
        for each in model(f"llama-{width}x2", width, 2, room)
    ]
    verdict, own = decide(rows + model("neox-64x2", 64, 2, 5.0), "CR4-LARGER")
    assert verdict["outcome"] == outcome, verdict["reason"]
    [rho] = [row for row in own if row["quantity"] == "rank_correlation"]
    assert rho["estimate"] == pytest.approx(1.0 if outcome == CONFIRMED else 0.5)


@pytest.mark.parametrize(("seen", "outcome"), [(40.0, CONFIRMED), (80.0, REFUTED), (49.0, INCONCLUSIVE)])
def test_familiar(seen: float, outcome: str) -> None:
    three = ("text-test", "text-train", "random-words")
    rows = kinds({"text-train": seen}, kinds=three, room=40.0, lengths=(32, 48), spread=0.1)
    verdict, own = decide(rows, "CR4-FAMILIAR")
    assert verdict["outcome"] == outcome, verdict["reason"]
    [tested] = [row for row in own if row["quantity"] == "difference_text-train"]
    assert tested["n"] == 16
    assert tested["estimate"] == pytest.approx(seen - 40, abs=4)


def test_familiar_is_vacuous_where_nothing_was_held() -> None:
    three = ("text-test", "text-train", "random-words")
    verdict, _ = decide(kinds(kinds=three, room=-1.0, lengths=(16, 32)), "CR4-FAMILIAR")
    assert verdict["outcome"] == INCONCLUSIVE
    assert "vacuous unless above 0" in verdict["reason"]


@pytest.mark.parametrize(
    ("words", "outcome"), [(39.0, CONFIRMED), (28.0, REFUTED), (80.0, REFUTED), (34.0, INCONCLUSIVE)]
)
def test_random_words_or_tokens(words: float, outcome: str) -> None:
    """A vector of 40 nats holds 6.2 random tokens of 7 nats on average; of words with 6 nats, w / 6 + 0.5."""
    rows = kinds({"random-words": words}, kinds=("random-words", "random-tokens"), room=40.0, spread=0.06)
    verdict, _ = decide(rows, "CR4-RANDOM")
    assert verdict["outcome"] == outcome, verdict["reason"]


@pytest.mark.parametrize(("exponent", "outcome"), [(0.85, CONFIRMED), (0.6, REFUTED), (0.75, INCONCLUSIVE)])
def test_linear(exponent: float, outcome: str) -> None:
    rows = [
        each
        for m in (1, 2, 4, 8)
        for each in synthetic.cells("v", "x-1", lengths=(16 * m,), vectors=m, room=20.0 * m**exponent)
    ]
    assert decide(rows, "CR4-LINEAR")[0]["outcome"] == outcome


# The scale of the models

TENTH = PUBLISHED.smallest / 10


def falling(parameters: float) -> list[synthetic.Row]:
    """Two sizes of one family, of which the larger, with so many parameters, holds less."""
    rows = []
    for name, width, room, size in (("llama-64x2", 64, 40.0, parameters / 2), ("llama-128x2", 128, 20.0, parameters)):
        rows += synthetic.facts("capacity", name, width, 2, parameters=size)
        rows += synthetic.cells("capacity", name, room=room)
    return rows


def test_the_published_models_have_130_million_to_8_billion_parameters() -> None:
    assert (PUBLISHED.smallest, PUBLISHED.largest) == (130e6, 8e9)


def test_models_far_below_the_documents_refute_nothing_about_them() -> None:
    verdict, own = decide(falling(TENTH * 0.99), "CR4-LARGER")
    assert (verdict["outcome"], verdict["met"]) == (INCONCLUSIVE, None)
    assert verdict["reason"].startswith(
        "Not decided at this scale, whose largest model has 12.9 million parameters and the document's 130 million to "
        "8 billion: gain of llama-128x2 over llama-64x2: 0.5 ["
    )
    ratios = [row["outcome"] for row in own if row["quantity"] in ("gain_ratio", "capacity_ratio")]
    assert ratios == ["not met", "not met"]
    assert decide(falling(TENTH), "CR4-LARGER")[0]["outcome"] == REFUTED
    assert "at this scale" not in decide(falling(TENTH), "CR4-LARGER")[0]["reason"]


def test_a_confirmation_names_its_scale() -> None:
    rows = synthetic.facts("capacity", "small-1", 64, 2, parameters=1e6)
    rows += synthetic.cells("capacity", "small-1", room=120.0)
    verdict, _ = decide(rows, "a")
    assert verdict["outcome"] == CONFIRMED
    assert "at this scale, whose largest model has 1 million parameters" in verdict["reason"]


def test_a_statement_about_all_models_is_refuted_by_one_of_any_size() -> None:
    rows = synthetic.facts("capacity", "x-1", parameters=1e6) + synthetic.cells("capacity", "x-1", room=130.0)
    rows += synthetic.cells("encoder", "x-1", arm="encoder", room=120.0)
    assert decide(rows, "CR4-X10")[0]["outcome"] == REFUTED
    loud = synthetic.facts("capacity", "x-1", parameters=1e6) + synthetic.cells("capacity", "x-1", room=30.0)
    loud += synthetic.facts("capacity", "untrained", parameters=1e6)
    loud += synthetic.cells("capacity", "untrained", room=20.0)
    assert decide(loud, "control.untrained")[0]["outcome"] == REFUTED  # a control is about this run's own models


# Words


def entries() -> dict[str, str]:
    """Claim -> its rule in words, as documents/004/claims.yaml has it."""
    listed = yaml.safe_load((ROOT / "documents/004/claims.yaml").read_text())["claims"]
    return {entry["id"]: entry["decision"] for entry in listed if entry["kind"] == "empirical"}


def test_the_words_of_a_rule_name_every_verdict_that_it_can_give() -> None:
    assert set(entries()) <= set(decisions.CLAIMS)
    for claim, words in entries().items():
        for verdict in (CONFIRMED, REFUTED, INCONCLUSIVE, UNTESTABLE):
            assert verdict in words, (claim, verdict)
        assert TOO_SMALL not in words and ARTEFACT not in words
        of_scale = "INCONCLUSIVE at this scale, not REFUTED" in words and "tenth" in words and "130 million" in words
        assert of_scale == (claim not in OF_ANY_SIZE), claim
        assert ("of any size" in words) == (claim in OF_ANY_SIZE), claim


def test_rows_of_earlier_versions_are_read_in_todays_words() -> None:
    shipped = results.read(ROOT / "results/reference/cramming_decisions.parquet", DECISIONS).to_pandas()
    today = of_today(shipped)
    verdicts = today[(today["quantity"] == VERDICT) & (today["model"] == ALL)].set_index("claim")["outcome"]
    assert set(verdicts) <= {CONFIRMED, REFUTED, INCONCLUSIVE, UNTESTABLE}
    assert (verdicts["CR4-X10"], verdicts["CR4-X1500"]) == (UNTESTABLE, UNTESTABLE)
    assert set(today.loc[today["quantity"] != VERDICT, "outcome"]) <= {"met", "not met", "undecided", ""}
    assert of_today(today) is today
