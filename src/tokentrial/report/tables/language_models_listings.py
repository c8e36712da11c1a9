"""Every arm and comparison of the language models done right, and who dominates whom at equal bits."""

from collections.abc import Iterator

import pandas as pd

from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import Section, Table, count, number, p_value, with_interval, yes_no
from tokentrial.report.language_model_names import FULL, arms_of, bound, conditions, title, vocabulary
from tokentrial.report.tables.language_models_rows import level_on, notes_on_tests, one_line, perplexity
from tokentrial.report.tables.rows import Row
from tokentrial.run.columns import Condition
from tokentrial.run.declared import OWN
from tokentrial.run.finals import ACCURACY, BITS, LOSS
from tokentrial.run.view import View
from tokentrial.statistics.pareto import EqualBits, compare_at_equal_bits, curves, front

NOTHING = "This run has no results for this table."
COMPARED = ("learned", "autoencoder")  # the methods of document 002, each set against every other
MEBIBIT = 2**20


def arms(view: View) -> Table:
    """Losses, accuracy, speed and costs of every arm."""
    rows, sections = [], []
    for condition in conditions(view, "done-right"):
        measured = [_arm_row(view, condition, arm) for arm in arms_of(view, condition)]
        rows += measured
        shown = [_shown_arm(view, condition, row) for row in measured]
        sections.append(Section(_heading(view, condition), pd.DataFrame(shown)))
    notes = (
        f"Means over seeds with {100 * view.confidence:g} % t intervals; losses in nats per token (of words or "
        "subwords, which cannot be compared with each other); bits/byte: the test loss in bits per byte of the raw "
        "text, which can; ppl: exp of the mean test loss, per token. Trained: "
        "numbers that an optimiser changes at any stage. Mbit: 2^20 bits that must be stored at the input and, untied, "
        "at the output. Smaller: the full table's bits over the arm's; untied, the output layer is never compressed "
        "unless the body is narrow, which bounds this. Tokens/s: training text by one job, as it ran beside others.",
        "Flag: unigram, not significantly better than the best constant prediction, so it has not learned from the "
        "context; untrained, not better than chance either; ok otherwise."
        if rows
        else NOTHING,
    )
    name = "language-models-arms"
    return Table(name, table_title(name, view.corpus), pd.DataFrame(rows), tuple(sections), notes, "Condition")


def _heading(view: View, condition: Condition) -> str:
    """The condition with its vocabulary and the levels that need no context."""
    unigram, chance = bound(view, condition, "unigram"), bound(view, condition, "chance")
    size = count(vocabulary(view, condition))
    return f"{title(condition)}, V = {size}; unigram {number(unigram, 3)}, chance {number(chance, 3)}"


def _arm_row(view: View, condition: Condition, arm: str) -> Row:
    cost, full = view.cost(condition.id, arm), view.cost(condition.id, FULL)
    bits, all_bits = cost.get("bits_deployed"), full.get("bits_deployed")
    levels = {split: level_on(view, condition, arm, split) for split in ("test", "validation")}
    right = level_on(view, condition, arm, metric=ACCURACY)
    bits_per_byte = {split: level_on(view, condition, arm, split, BITS) for split in levels}
    return {
        "corpus": view.corpus,
        "condition": condition.id,
        "arm": arm,
        "n": levels["test"].get("n"),
        **{f"{split}{part}": row.get(key) for split, row in levels.items() for part, key in _ENDS},
        **{f"{split}_{BITS}{part}": row.get(key) for split, row in bits_per_byte.items() for part, key in _ENDS},
        "perplexity": perplexity(levels["test"].get("mean")),
        **{f"accuracy{part}": right.get(key) for part, key in _ENDS},
        **{key: cost.get(key) for key in ("params_trained", "bits_deployed", "tokens_per_second", "wall_seconds")},
        **{key: cost.get(key) for key in ("peak_memory_mib", "device")},
        "smaller": None if not bits or not all_bits else all_bits / bits,
        "flag": view.level(condition.id, arm).get("flag"),
    }


_ENDS = (("", "mean"), ("_low", "low"), ("_high", "high"))


def _shown_arm(view: View, condition: Condition, row: Row) -> dict[str, str]:
    bits = row["bits_deployed"]
    return {
        "Arm": view.arm_name(condition.study, row["arm"]),
        "n": count(row["n"]),
        "Test loss": with_interval(row["test"], row["test_low"], row["test_high"]),
        "Validation loss": with_interval(row["validation"], row["validation_low"], row["validation_high"]),
        "Bits/\nbyte": number(row[f"test_{BITS}"], 4),
        "ppl": number(row["perplexity"], 2),
        "Accuracy": number(row["accuracy"], 4),
        "Trained": count(row["params_trained"]),
        "Mbit": number(None if bits is None else bits / MEBIBIT, 2),
        "Smaller": f"{number(row['smaller'], 2)}×" if row["smaller"] else number(None),
        "Tokens/s": count(row["tokens_per_second"]),
        "Flag": row["flag"] or "",
    }


def comparisons(view: View) -> Table:
    """The documents' encoding minus every other arm of its size, or of none."""
    rows, sections = [], []
    for condition in conditions(view, "done-right"):
        arms = arms_of(view, condition)
        compared = [
            _comparison_row(view, condition, arm, other)
            for arm in arms
            if view.method(condition.study, arm).role == OWN
            for other in arms
            if view.pair(condition.id, arm, other)
        ]
        rows += compared
        if compared:
            shown = [_shown_comparison(view, condition, row) for row in compared]
            sections.append(Section(title(condition), pd.DataFrame(shown)))
    notes = (
        "Loss: below zero the first arm is better; accuracy: above zero. MDE: the loss difference that n seeds find "
        "with a power of 80 %, at the standard deviation observed.",
        notes_on_tests(view) if rows else NOTHING,
    )
    name = "language-models-comparisons"
    return Table(name, table_title(name, view.corpus), pd.DataFrame(rows), tuple(sections), notes, "Condition")


def _comparison_row(view: View, condition: Condition, arm: str, other: str) -> Row:
    kept = ("difference", "t_low", "t_high", "p_t", "p_holm", "equivalent", "margin", "minimal_detectable", "hedges_g")
    metrics = {"loss": LOSS, "accuracy": ACCURACY}
    pairs = {name: view.pair(condition.id, arm, other, metric) for name, metric in metrics.items()}
    return {
        "corpus": view.corpus,
        "condition": condition.id,
        "arm_a": arm,
        "arm_b": other,
        "n": pairs["loss"].get("n"),
        **{f"{name}_{key}": row.get(key) for name, row in pairs.items() for key in kept},
    }


def _shown_comparison(view: View, condition: Condition, row: Row) -> dict[str, str]:
    def apart(name: str) -> str:
        ends = {f"d{part}": row[f"{name}_{key}"] for part, key in (("", "difference"), ("_low", "t_low"))}
        return one_line({**ends, "d_high": row[f"{name}_t_high"]}, "d", signed=True)

    return {
        "Arm": view.arm_name(condition.study, row["arm_a"]),
        "Minus": view.arm_name(condition.study, row["arm_b"]),
        "n": count(row["n"]),
        "Loss": apart("loss"),
        "p": p_value(row["loss_p_holm"]),
        "Equiv.": yes_no(row["loss_equivalent"]),
        "MDE": number(row["loss_minimal_detectable"]),
        "Accuracy": apart("accuracy"),
    }


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
        (view.cost(condition.id, arm).get("bits_deployed"), level_on(view, condition, arm).get("mean"), arm)
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
