"""Every arm and comparison of the language models done right, and who dominates whom at equal bits."""

from collections.abc import Iterator

import pandas as pd

from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import Section, Table, count, number, with_interval
from tokentrial.report.language_model_names import FULL, arms_of, bound, conditions, title, vocabulary
from tokentrial.report.tables.declared import heading
from tokentrial.report.tables.rows import Row
from tokentrial.run.columns import Condition
from tokentrial.run.view import View
from tokentrial.statistics.pareto import EqualBits, compare_at_equal_bits, curves, front

NOTHING = "This run has no results for this table."
COMPARED = ("learned", "autoencoder")  # the methods of document 002, each set against every other
MEBIBIT = 2**20


@heading("language model and vocabulary")
def _heading(view: View, condition: Condition) -> str:
    """The condition with its vocabulary and the levels that need no context."""
    unigram, chance = bound(view, condition, "unigram"), bound(view, condition, "chance")
    size = count(vocabulary(view, condition))
    return f"{title(condition)}, V = {size}; unigram {number(unigram, 3)}, chance {number(chance, 3)}"


@heading("language model")
def _title(view: View, condition: Condition) -> str:
    return title(condition)


def dominance(view: View) -> Table:
    """Learned and autoencoder against every other method at equal bits, and the front of all arms' means."""
    rows, sections, fronts = [], [], []
    for condition in conditions(view, "done-right"):
        names, shown = family_names(view, condition), []
        for first, second, compared in equal_bits(view, condition):
            rows += list(_size_rows(view.corpus, condition, first, second, compared))
            shown.append(_shown_dominance(names[first], names[second], compared))
        if shown:
            sections.append(Section(title(condition), pd.DataFrame(shown)))
        best = ", ".join(view.arm_name(condition.study, arm) for arm in front_arms(view, condition))
        fronts.append({"Run": title(condition), "Not dominated, from the smallest": best})
    if any(row["Not dominated, from the smallest"] for row in fronts):
        sections.append(Section("Non-dominated front of the means", pd.DataFrame(fronts)))
    share = f"{100 * view.confidence:g} %"
    notes = (
        "Losses of A minus B, nats per token, paired over seeds, at every number of deployed bits that one of the two "
        "has and both span; each method's sizes are joined by straight lines in log2 bits, never extrapolated. The "
        f"{share} intervals of a pair hold together (Bonferroni over its sizes), so what holds at each size holds "
        "between them too; they are not corrected over pairs. A better (worse): every interval lies below (above) "
        "zero. Crossing: one below and one above. Not shown: anything else. Mbit: 2^20 bits.",
        "Front: arms of which no other is at most as large and at most as bad in the mean; it has no test." if rows
        else f"{NOTHING} A statement needs two methods whose sizes meet.",
    )  # fmt: skip
    name = "language-models-dominance"
    return Table(name, table_title(name, view.corpus), pd.DataFrame(rows), tuple(sections), notes, "Condition")


def family_names(view: View, condition: Condition) -> dict[str, str]:
    """Family -> its name for readers, of the arms of a condition."""
    arms = [view.method(condition.study, arm) for arm in arms_of(view, condition)]
    return {arm.family: arm.family_name for arm in arms}


def equal_bits(view: View, condition: Condition) -> Iterator[tuple[str, str, EqualBits]]:
    """Each of the compared methods against each other one, by their families; the pair of compared ones once."""
    arms = arms_of(view, condition)
    bits = pd.Series({arm: view.cost(condition.id, arm).get("bits_deployed") for arm in arms}, dtype="float64")
    losses = [view.values_on("test", condition.id, arm).rename("value").reset_index().assign(arm=arm) for arm in arms]
    families = {arm: view.method(condition.study, arm).family for arm in arms}
    by_family = curves(pd.concat(losses), bits, families)
    for index, first in enumerate(name for name in COMPARED if name in by_family):
        for second in by_family:
            if second not in (first, FULL, *COMPARED[:index]):  # the full table has one size, larger than all others
                yield first, second, compare_at_equal_bits(by_family[first], by_family[second], view.confidence)


def front_arms(view: View, condition: Condition) -> list[str]:
    """Arms on the front of mean test loss against bits, the smallest first."""
    points = [
        (view.cost(condition.id, arm).get("bits_deployed"), view.level_on("test", condition.id, arm).get("mean"), arm)
        for arm in arms_of(view, condition)
    ]
    known = sorted((bits, loss, arm) for bits, loss, arm in points if bits and loss is not None)
    kept = front([bits for bits, _, _ in known], [loss for _, loss, _ in known])
    return [arm for (_, _, arm), on in zip(known, kept, strict=True) if on]


def _size_rows(corpus: str, condition: Condition, first: str, second: str, compared: EqualBits) -> Iterator[Row]:
    """A row per size for the CSV; one without a size where nothing can be compared."""
    identity: Row = {"corpus": corpus, "condition": condition.id, "method_a": first, "method_b": second}
    identity |= {"seeds": compared.seeds, "verdict": compared.verdict}
    columns = (compared.log2_bits, compared.difference, compared.low, compared.high)
    sizes = list(zip(*(column.tolist() for column in columns), strict=True))
    for log2_bits, apart, low, high in sizes or [(None,) * 4]:
        yield {**identity, "log2_bits": log2_bits, "difference": apart, "low": low, "high": high}


def _shown_dominance(first: str, second: str, compared: EqualBits) -> dict[str, str]:
    ends = (0, -1) if compared.log2_bits.size else ()
    smallest, largest = (_at(compared, end) for end in ends) if ends else (("", ""), ("", ""))
    said = {"better": "A better", "worse": "A worse"}.get(compared.verdict, compared.verdict)
    return {
        "A": first,
        "B": second,
        "n": count(compared.seeds),
        "Sizes": count(compared.log2_bits.size),
        "From,\nMbit": smallest[0],
        "Difference at\nthe smallest": smallest[1],
        "To,\nMbit": largest[0],
        "Difference at\nthe largest": largest[1],
        "Verdict": said,
    }


def _at(compared: EqualBits, index: int) -> tuple[str, str]:
    bits = number(float(2 ** compared.log2_bits[index]) / MEBIBIT, 2)
    low, high = float(compared.low[index]), float(compared.high[index])
    return bits, with_interval(float(compared.difference[index]), low, high, signed=True)
