"""Every arm and comparison of the language models done right, and who dominates whom at equal bits."""

from collections.abc import Iterator

import pandas as pd

from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import Section, Table, count, number, p_value, with_interval, yes_no
from tokentrial.report.language_model_names import Condition, arm_name, method_name, vocabulary
from tokentrial.report.tables.language_models_rows import Lookup, notes_on_tests, one_line, perplexity
from tokentrial.report.tables.rows import ACCURACY, BITS, LOSS, Row
from tokentrial.statistics.pareto import EqualBits, compare_at_equal_bits, curves, front
from tokentrial.statistics.tables import SUBJECTS, method

FULL = "full"
NOTHING = "This run has no results for this table."
OWN = ("learned", "autoencoder")  # the methods of document 002, each set against every other
MEBIBIT = 2**20


def arms(look: Lookup) -> Table:
    """Losses, accuracy, speed and costs of every arm."""
    made, sections = [], []
    for condition in look.conditions("done-right"):
        own = [_arm_row(look, condition, arm) for arm in look.arms(condition.name)]
        made += own
        sections.append(Section(_heading(look, condition), pd.DataFrame([_shown_arm(row) for row in own])))
    notes = (
        f"Means over seeds with {100 * look.found.confidence:g} % t intervals; losses in nats per token (of words or "
        "subwords, which cannot be compared with each other); bits/byte: the test loss in bits per byte of the raw "
        "text, which can; ppl: exp of the mean test loss, per token. Trained: "
        "numbers that an optimiser changes at any stage. Mbit: 2^20 bits that must be stored at the input and, untied, "
        "at the output. Smaller: the full table's bits over the arm's; untied, the output layer is never compressed "
        "unless the body is narrow, which bounds this. Tokens/s: training text by one job, as it ran beside others.",
        "Flag: unigram, not significantly better than the best constant prediction, so it has not learned from the "
        "context; untrained, not better than chance either; ok otherwise."
        if made
        else NOTHING,
    )
    name = "language-models-arms"
    return Table(name, table_title(name, look.corpus), pd.DataFrame(made), tuple(sections), notes, "Condition")


def _heading(look: Lookup, condition: Condition) -> str:
    """The condition with its vocabulary and the levels that need no context."""
    first = look.summary_row(condition.name, look.arms(condition.name)[0])
    unigram, chance = look.bound(condition.name, "unigram"), look.bound(condition.name, "chance")
    return (
        f"{condition.title}, V = {count(vocabulary(first))}; unigram {number(unigram, 3)}, chance {number(chance, 3)}"
    )


def _arm_row(look: Lookup, condition: Condition, arm: str) -> Row:
    cost, full = look.cost(condition.name, arm), look.cost(condition.name, FULL)
    bits, all_bits = cost.get("bits_deployed"), full.get("bits_deployed")
    levels = {split: look.level(condition.name, arm, split) for split in ("test", "validation")}
    right = look.level(condition.name, arm, metric=ACCURACY)
    bits_per_byte = {split: look.level(condition.name, arm, split, BITS) for split in levels}
    return {
        "corpus": look.corpus,
        "condition": condition.name,
        "arm": arm,
        "n": levels["test"].get("n"),
        **{f"{split}{part}": row.get(key) for split, row in levels.items() for part, key in _ENDS},
        **{f"{split}_{BITS}{part}": row.get(key) for split, row in bits_per_byte.items() for part, key in _ENDS},
        "perplexity": perplexity(levels["test"].get("mean")),
        **{f"accuracy{part}": right.get(key) for part, key in _ENDS},
        **{key: cost.get(key) for key in ("params_trained", "bits_deployed", "tokens_per_second", "wall_seconds")},
        **{key: cost.get(key) for key in ("peak_memory_mib", "device")},
        "smaller": None if not bits or not all_bits else all_bits / bits,
        "flag": look.summary_row(condition.name, arm).get("flag"),
    }


_ENDS = (("", "mean"), ("_low", "low"), ("_high", "high"))


def _shown_arm(row: Row) -> dict[str, str]:
    bits = row["bits_deployed"]
    return {
        "Arm": arm_name(row["arm"]),
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


def comparisons(look: Lookup) -> Table:
    """The documents' encoding minus every other arm of its size, or of none."""
    made, sections = [], []
    for condition in look.conditions("done-right"):
        own = [
            _comparison_row(look, condition, arm, other)
            for arm in look.arms(condition.name)
            if method(arm) in SUBJECTS
            for other in look.arms(condition.name)
            if look.contrast(condition.name, arm, other)
        ]
        made += own
        if own:
            sections.append(Section(condition.title, pd.DataFrame([_shown_comparison(row) for row in own])))
    notes = (
        "Loss: below zero the first arm is better; accuracy: above zero. MDE: the loss difference that n seeds find "
        "with a power of 80 %, at the standard deviation observed.",
        notes_on_tests(look) if made else NOTHING,
    )
    name = "language-models-comparisons"
    return Table(name, table_title(name, look.corpus), pd.DataFrame(made), tuple(sections), notes, "Condition")


def _comparison_row(look: Lookup, condition: Condition, arm: str, other: str) -> Row:
    kept = ("difference", "t_low", "t_high", "p_t", "p_holm", "equivalent", "margin", "minimal_detectable", "hedges_g")
    found = {"loss": look.contrast(condition.name, arm, other, LOSS)}
    found["accuracy"] = look.contrast(condition.name, arm, other, ACCURACY)
    return {
        "corpus": look.corpus,
        "condition": condition.name,
        "arm_a": arm,
        "arm_b": other,
        "n": found["loss"].get("n"),
        **{f"{name}_{key}": row.get(key) for name, row in found.items() for key in kept},
    }


def _shown_comparison(row: Row) -> dict[str, str]:
    def apart(name: str) -> str:
        ends = {f"d{part}": row[f"{name}_{key}"] for part, key in (("", "difference"), ("_low", "t_low"))}
        return one_line({**ends, "d_high": row[f"{name}_t_high"]}, "d", signed=True)

    return {
        "Arm": arm_name(row["arm_a"]),
        "Minus": arm_name(row["arm_b"]),
        "n": count(row["n"]),
        "Loss": apart("loss"),
        "p": p_value(row["loss_p_holm"]),
        "Equiv.": yes_no(row["loss_equivalent"]),
        "MDE": number(row["loss_minimal_detectable"]),
        "Accuracy": apart("accuracy"),
    }


def dominance(look: Lookup) -> Table:
    """Learned and autoencoder against every other method at equal bits, and the front of all arms' means."""
    made, sections, fronts = [], [], []
    for condition in look.conditions("done-right"):
        shown = []
        for first, second, found in equal_bits(look, condition):
            made += list(_size_rows(look.corpus, condition, first, second, found))
            shown.append(_shown_dominance(first, second, found))
        if shown:
            sections.append(Section(condition.title, pd.DataFrame(shown)))
        best = ", ".join(arm_name(arm) for arm in front_arms(look, condition))
        fronts.append({"Run": condition.title, "Not dominated, from the smallest": best})
    if any(row["Not dominated, from the smallest"] for row in fronts):
        sections.append(Section("Non-dominated front of the means", pd.DataFrame(fronts)))
    level = f"{100 * look.found.confidence:g} %"
    notes = (
        "Losses of A minus B, nats per token, paired over seeds, at every number of deployed bits that one of the two "
        "has and both span; each method's sizes are joined by straight lines in log2 bits, never extrapolated. The "
        f"{level} intervals of a pair hold together (Bonferroni over its sizes), so what holds at each size holds "
        "between them too; they are not corrected over pairs. A better (worse): every interval lies below (above) "
        "zero. Crossing: one below and one above. Not shown: anything else. Mbit: 2^20 bits.",
        "Front: arms of which no other is at most as large and at most as bad in the mean; it has no test." if made
        else f"{NOTHING} A statement needs two methods whose sizes meet.",
    )  # fmt: skip
    name = "language-models-dominance"
    return Table(name, table_title(name, look.corpus), pd.DataFrame(made), tuple(sections), notes, "Condition")


def equal_bits(look: Lookup, condition: Condition) -> Iterator[tuple[str, str, EqualBits]]:
    """Each own method against each other one; the pair of own ones once."""
    bits = pd.Series({arm: look.cost(condition.name, arm).get("bits_deployed") for arm in look.arms(condition.name)})
    known = bits.dropna().astype(float)
    losses = pd.concat(
        [
            look.values(condition.name, arm).rename("value").rename_axis("seed").reset_index().assign(arm=arm)
            for arm in known.index
        ]
        or [pd.DataFrame({"arm": [], "seed": [], "value": []})]
    )
    found = curves(losses, known)
    for index, first in enumerate(name for name in OWN if name in found):
        for second in found:
            if second not in (first, FULL, *OWN[:index]):  # the full table has one size, larger than all others
                yield first, second, compare_at_equal_bits(found[first], found[second], look.found.confidence)


def front_arms(look: Lookup, condition: Condition) -> list[str]:
    """Arms on the front of mean test loss against bits, the smallest first."""
    points = [
        (look.cost(condition.name, arm).get("bits_deployed"), look.level(condition.name, arm).get("mean"), arm)
        for arm in look.arms(condition.name)
    ]
    known = sorted((bits, loss, arm) for bits, loss, arm in points if bits and loss is not None)
    kept = front([bits for bits, _, _ in known], [loss for _, loss, _ in known])
    return [arm for (_, _, arm), on in zip(known, kept, strict=True) if on]


def _size_rows(corpus: str, condition: Condition, first: str, second: str, found: EqualBits) -> Iterator[Row]:
    """A row per size for the CSV; one without a size where nothing can be compared."""
    identity = {
        "corpus": corpus,
        "condition": condition.name,
        "method_a": first,
        "method_b": second,
        "seeds": found.seeds,
    }
    identity["verdict"] = found.verdict
    columns = (found.log2_bits, found.difference, found.low, found.high)
    sizes = list(zip(*(column.tolist() for column in columns), strict=True))
    for log2_bits, apart, low, high in sizes or [(None,) * 4]:
        yield {**identity, "log2_bits": log2_bits, "difference": apart, "low": low, "high": high}


def _shown_dominance(first: str, second: str, found: EqualBits) -> dict[str, str]:
    ends = (0, -1) if found.log2_bits.size else ()
    smallest, largest = (_at(found, end) for end in ends) if ends else (("", ""), ("", ""))
    said = {"better": "A better", "worse": "A worse"}.get(found.verdict, found.verdict)
    return {
        "A": method_name(first),
        "B": method_name(second),
        "n": count(found.seeds),
        "Sizes": count(found.log2_bits.size),
        "From,\nMbit": smallest[0],
        "Difference at\nthe smallest": smallest[1],
        "To,\nMbit": largest[0],
        "Difference at\nthe largest": largest[1],
        "Verdict": said,
    }


def _at(found: EqualBits, index: int) -> tuple[str, str]:
    bits = number(float(2 ** found.log2_bits[index]) / MEBIBIT, 2)
    low, high = float(found.low[index]), float(found.high[index])
    return bits, with_interval(float(found.difference[index]), low, high, signed=True)
