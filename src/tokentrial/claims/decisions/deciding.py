"""How a claim of the cramming study is decided: what a rule measured of each model, as rows of the table of decisions.

A claim has a row for each criterion and for each model's verdict, and one of model ``all``, which is the claim's own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tokentrial.claims.catalogue import Catalogue
from tokentrial.claims.judge import Criterion, joined, verdict
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, capital
from tokentrial.cramming import columns as words
from tokentrial.cramming.cells import Block
from tokentrial.cramming.columns import ALL, VERDICT
from tokentrial.cramming.evidence import Evidence, nothing
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

OUTCOMES = {CONFIRMED: words.SUPPORTED, REFUTED: words.REFUTED, INCONCLUSIVE: words.INCONCLUSIVE}
BEGINNINGS = {CONFIRMED: "Supported", REFUTED: "Refuted", INCONCLUSIVE: "Not decided"}
Row = dict[str, Any]


class Where(NamedTuple):
    """What a criterion is about: a model, or several, in some designs."""

    model: str = ALL
    design: str = ""


Measured = Criterion[Where]


@dataclass(frozen=True)
class Case:
    """What a rule measured of one model, of one family, or of all models together.

    blocks: the cells behind it, each of which needs ``minimum`` texts, the study's number if that is None; missing:
    what the run lacks, without which nothing is decided.
    """

    criteria: Sequence[Measured]
    blocks: Sequence[Block | None]
    missing: Sequence[str] = ()
    model: str = ALL
    minimum: int | None = None


Rule = Callable[[Evidence], Iterable[Case]]
DECIDED: Catalogue[Callable[[Evidence], list[Row]]] = Catalogue()


def decides(claim: str, question: str, lacks: str = "") -> Callable[[Rule], Rule]:
    """Registers the rule of a claim. lacks: what a run without a case lacks, if cases are of single models; in it,
    ``{models}`` stands for the models that were run.
    """

    def register(rule: Rule) -> Rule:
        def rows(evidence: Evidence) -> list[Row]:
            by_case = [row for case in rule(evidence) for row in decided(claim, case, evidence.minimum_texts)]
            if not lacks:
                return by_case
            verdicts = [row for row in by_case if row["quantity"] == VERDICT]
            missing = lacks.format(models=", ".join(evidence.cells.trained) or "none")
            return [*by_case, *together(claim, verdicts, [missing])]

        DECIDED.add(claim, rows, question)
        return rule

    return register


def decided(claim: str, case: Case, minimum: int) -> list[Row]:
    """The rows of a case: each criterion, then the verdict."""
    blocks = [block for block in case.blocks if block is not None]
    texts, minimum = min((block.fewest for block in blocks), default=0), case.minimum or minimum
    deciding = [each for each in case.criteria if each.decides]
    lacking = ""
    if case.missing:
        lacking = f"this run lacks {'; '.join(case.missing)}"
    elif not deciding:
        lacking = "nothing of it was measured"
    elif texts < minimum:
        lacking = f"{texts} texts in the smallest cell, the rule asks for {minimum}"
    result = INCONCLUSIVE if lacking else verdict(deciding)
    telling = lacking or "; ".join(_sentence(each) for each in deciding if each.outcome == result)
    about, reason = Where(case.model, designs(blocks)), f"{BEGINNINGS[result]}: {telling}."
    estimate = (deciding[0].estimate if len(deciding) == 1 else nothing(""))._replace(n=texts)
    threshold = "; ".join(dict.fromkeys(each.threshold for each in deciding))
    judged = {"threshold": threshold, "reason": reason, **_decided(result)}
    return [*(_criterion_row(claim, each) for each in case.criteria), _row(claim, about, VERDICT, estimate, **judged)]


def together(claim: str, verdicts: Sequence[Row], missing: Sequence[str] = ()) -> list[Row]:
    """The claim's own verdict from those of single models: none if they disagree, refuted if one refutes it."""
    if not verdicts:
        return decided(claim, Case([], [], missing), 0)
    verdict_of = {outcome: result for result, outcome in OUTCOMES.items()}
    result = joined((verdict_of[row["outcome"]] for row in verdicts), "alike")
    by_model = "; ".join(f"{row['model']}: {row['outcome']}" for row in verdicts)
    first = next((row for row in verdicts if row["outcome"] == OUTCOMES[result]), verdicts[0])
    reason = first["reason"] if len(verdicts) == 1 else f"{by_model}. {first['model']}: {first['reason']}"
    if {words.SUPPORTED, words.REFUTED} <= {row["outcome"] for row in verdicts}:
        reason = f"The models disagree: {by_model}."
    about = Where(ALL, ", ".join(dict.fromkeys(name for row in verdicts for name in row["design"].split(", ") if name)))
    value, low, high = (first[end] if len(verdicts) == 1 else None for end in ("estimate", "low", "high"))
    estimate = Estimate(value, low, high, min(row["n"] for row in verdicts))
    judged = {"threshold": verdicts[0]["threshold"], "reason": reason, **_decided(result)}
    return [_row(claim, about, VERDICT, estimate, **judged)]


def _decided(result: str) -> Row:
    return {"met": {CONFIRMED: True, REFUTED: False}.get(result), "outcome": OUTCOMES[result]}


def _criterion_row(claim: str, each: Measured) -> Row:
    text = _sentence(each) if each.decides else _plain(each)
    judged = {"met": each.met, "outcome": OUTCOMES[each.outcome] if each.decides else ""}
    judged |= {"threshold": each.threshold, "reason": f"{capital(text)}."}
    return _row(claim, each.about, each.quantity, each.estimate, **judged)


def _row(claim: str, about: Where, quantity: str, estimate: Estimate, **judged: Any) -> Row:
    identity = {"claim": claim, "design": about.design, "model": about.model, "quantity": quantity}
    ends = {"estimate": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
    return {**identity, **ends, **judged}


def _sentence(each: Measured) -> str:
    return f"{_plain(each)} (rule: {each.threshold})"


def _plain(each: Measured) -> str:
    return f"{each.words}: {said(each.estimate)}"


def said(estimate: Estimate) -> str:
    """``12.3 [10.1, 14.0]``, ``at least 32``, ``below 4``, or the note if there is no value."""
    ends = [_number(estimate.low), _number(estimate.high)]
    interval = "" if estimate.low is None and estimate.high is None else f" [{ends[0]}, {ends[1]}]"
    if estimate.note.startswith(BELOW):
        return f"below the shortest length of the grid{interval}"
    if estimate.value is None:
        return f"not defined ({estimate.note})" if estimate.note else "not defined"
    return f"{'at least ' if estimate.note.startswith(ABOVE) else ''}{_number(estimate.value)}{interval}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def designs(blocks: Iterable[Block]) -> str:
    """The designs that these blocks come from."""
    return ", ".join(dict.fromkeys(name for block in blocks for name in block.key.design.split(", ")))
