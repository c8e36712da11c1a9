"""How a claim of the cramming study is decided: what a rule measured of each model, as rows of the table of decisions.

A claim has a row for each criterion and for each model's verdict, and one of model ``all``, which is the claim's own.
The verdicts are those of `claims.verdict`; a criterion is met, not met or undecided.

Document 004 speaks of models of 130 million parameters and more. If the largest model behind a verdict has less than
`FAR_BELOW` of the smallest published one's parameters, REFUTED becomes INCONCLUSIVE at this scale, unless the claim is
one that a model of any size refutes: a statement about all models, or about this run's own.

ASSUME: a tenth of the smallest published model is the limit of 'far below'. TOO SMALL does not occur: no rule of this
study has a margin below which an effect is there and too small.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from tokentrial.claims.catalogue import Catalogue
from tokentrial.claims.judge import Criterion, joined, verdict
from tokentrial.claims.verdict import CONFIRMED, INCONCLUSIVE, REFUTED, UNTESTABLE, capital
from tokentrial.cramming.cells import Block
from tokentrial.cramming.columns import ALL, VERDICT
from tokentrial.cramming.evidence import Evidence, nothing
from tokentrial.statistics.cramming import AT_LEAST, BELOW, Estimate

EARLIER = {"supported": CONFIRMED, "refuted": REFUTED, "inconclusive at this scale": INCONCLUSIVE}
"""Outcomes in files of earlier versions."""
MET = {CONFIRMED: "met", REFUTED: "not met", INCONCLUSIVE: "undecided", UNTESTABLE: "not run"}
"""Outcomes of criteria, and of a claim on single models in a sentence: the word of a verdict stands once."""
BEGINNINGS = {CONFIRMED: "Confirmed", REFUTED: "Refuted", INCONCLUSIVE: "Not decided", UNTESTABLE: "Not decided"}
FAR_BELOW = 0.1
AT_THIS_SCALE = "at this scale"
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
OF_ANY_SIZE: set[str] = set()
"""Claims that a model of any size refutes."""


def decides(claim: str, question: str, lacks: str = "", any_size: bool = False) -> Callable[[Rule], Rule]:
    """Registers the rule of a claim. lacks: what a run without a case lacks, if cases are of single models; in it,
    ``{models}`` stands for the models that were run. any_size: whether a model of any size refutes the claim.
    """
    OF_ANY_SIZE.update([claim] if any_size else [])

    def register(rule: Rule) -> Rule:
        def rows(evidence: Evidence) -> list[Row]:
            by_case = [row for case in rule(evidence) for row in decided(claim, case, evidence)]
            if not lacks:
                return by_case
            verdicts = [row for row in by_case if row["quantity"] == VERDICT]
            missing = lacks.format(models=", ".join(evidence.cells.trained) or "none")
            return [*by_case, *together(claim, verdicts, evidence, [missing])]

        DECIDED.add(claim, rows, question)
        return rule

    return register


def decided(claim: str, case: Case, evidence: Evidence) -> list[Row]:
    """The rows of a case: each criterion, then the verdict."""
    blocks = [block for block in case.blocks if block is not None]
    deciding = [each for each in case.criteria if each.decides]
    lacking = _lacking(case, blocks, deciding, case.minimum or evidence.minimum_texts)
    measured = any(each.estimate.value is not None or each.estimate.high is not None for each in case.criteria)
    result = (INCONCLUSIVE if measured else UNTESTABLE) if lacking else verdict(deciding)
    telling = lacking or "; ".join(_sentence(each) for each in deciding if each.outcome == result)
    scale = "" if claim in OF_ANY_SIZE or result not in (CONFIRMED, REFUTED) else far_below(evidence, blocks)
    reason = f"{BEGINNINGS[result]}: {telling}"
    if scale and result == REFUTED:
        result, reason = INCONCLUSIVE, f"{BEGINNINGS[INCONCLUSIVE]} {AT_THIS_SCALE}, {scale}: {telling}"
    elif scale:
        reason = f"{reason}; {AT_THIS_SCALE}, {scale}"
    about = Where(case.model, designs(blocks))
    texts = min((block.fewest for block in blocks), default=0)
    estimate = (deciding[0].estimate if len(deciding) == 1 else nothing(""))._replace(n=texts)
    threshold = "; ".join(dict.fromkeys(each.threshold for each in deciding))
    judged = {"threshold": threshold, "reason": f"{reason}.", **_decided(result)}
    return [*(_criterion_row(claim, each) for each in case.criteria), _row(claim, about, VERDICT, estimate, **judged)]


def _lacking(case: Case, blocks: Sequence[Block], deciding: Sequence[Measured], minimum: int) -> str:
    """Why nothing can be decided; empty if something can."""
    texts = min((block.fewest for block in blocks), default=0)
    if case.missing:
        return f"this run lacks {'; '.join(case.missing)}"
    if not deciding:
        return "nothing of it was measured"
    return f"{texts} texts in the smallest cell, the rule asks for {minimum}" if texts < minimum else ""


def far_below(evidence: Evidence, blocks: Sequence[Block]) -> str:
    """The scale of these models in words, if all are far smaller than the document's; empty if not, or not known."""
    sizes = [evidence.cells.about(block.key.model).get("parameters") for block in blocks]
    known, published = [size for size in sizes if size is not None], evidence.published
    if not known or max(known) >= FAR_BELOW * published.smallest:
        return ""
    document = f"the document's {_size(published.smallest)} to {_size(published.largest)}"
    return f"whose largest model has {_size(max(known))} parameters and {document}"


def _size(parameters: float) -> str:
    """``0.35 million``, ``130 million``, ``8 billion``."""
    unit, name = (1e9, "billion") if parameters >= 1e9 else (1e6, "million")
    return f"{parameters / unit:.3g} {name}"


def together(claim: str, verdicts: Sequence[Row], evidence: Evidence, missing: Sequence[str] = ()) -> list[Row]:
    """The claim's own verdict from those of single models: none if they disagree, refuted if one refutes it."""
    if not verdicts:
        return decided(claim, Case([], [], missing), evidence)
    tested = [row["outcome"] for row in verdicts if row["outcome"] != UNTESTABLE]
    result = joined(tested, "alike") if tested else UNTESTABLE
    by_model = "; ".join(f"{row['model']}: {MET[row['outcome']]}" for row in verdicts)
    first = next((row for row in verdicts if row["outcome"] == result), verdicts[0])
    reason = first["reason"] if len(verdicts) == 1 else f"{by_model}. {first['model']}: {first['reason']}"
    if {CONFIRMED, REFUTED} <= set(tested):
        reason = f"The models disagree: {by_model}."
    about = Where(ALL, ", ".join(dict.fromkeys(name for row in verdicts for name in row["design"].split(", ") if name)))
    value, low, high = (first[end] if len(verdicts) == 1 else None for end in ("estimate", "low", "high"))
    estimate = Estimate(value, low, high, min(row["n"] for row in verdicts))
    judged = {"threshold": verdicts[0]["threshold"], "reason": reason, **_decided(result)}
    return [_row(claim, about, VERDICT, estimate, **judged)]


def of_today(decisions: pd.DataFrame) -> pd.DataFrame:
    """The rows of cramming.columns.DECISIONS, with those of earlier versions in today's words."""
    old = decisions["outcome"].isin(list(EARLIER))
    if not old.any():
        return decisions
    is_verdict, words = decisions["quantity"] == VERDICT, decisions["outcome"].map(EARLIER)
    measured = set(decisions.loc[~is_verdict & decisions["estimate"].notna(), "claim"])
    untested = (words == INCONCLUSIVE) & ~decisions["claim"].isin(measured)
    today = words.mask(untested, UNTESTABLE).where(is_verdict, words.map(MET))
    return decisions.assign(outcome=today.where(old, decisions["outcome"]))


def _decided(result: str) -> Row:
    return {"met": {CONFIRMED: True, REFUTED: False}.get(result), "outcome": result}


def _criterion_row(claim: str, each: Measured) -> Row:
    text = _sentence(each) if each.decides else _plain(each)
    judged = {"met": each.met, "outcome": MET[each.outcome] if each.decides else ""}
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
    return f"{'at least ' if estimate.note.startswith(AT_LEAST) else ''}{_number(estimate.value)}{interval}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def designs(blocks: Iterable[Block]) -> str:
    """The designs that these blocks come from."""
    return ", ".join(dict.fromkeys(name for block in blocks for name in block.key.design.split(", ")))
