"""The cramming study's decisions, and whether the paper's published numbers agree with each other."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from tokentrial.cramming.cells import ALL
from tokentrial.cramming.columns import DECISIONS
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MISSING, Section, Table, count, number, yes_no
from tokentrial.report.tables.cramming_rows import Row, source_of, table
from tokentrial.run.view import View, records
from tokentrial.statistics.cramming import bits_per_dimension, theoretical_capacity
from tokentrial.statistics.cramming_scaling import power_exponent

CONTROL_CLAIMS = {
    "control.random-vector": "a random vector takes nothing away",
    "control.untrained": "an untrained model holds about nothing",
    "control.prefix": "one vector beats the text as its own prefix",
    "control.shared": "one vector for two texts holds less of each",
}
CLAIMS = {
    "a": "(a) one vector holds far more than 10 tokens",
    "b": "(b) uncertainty sets the limit, not length",
    "c": "(c) larger models hold more",
    "d": "(d) almost linear in the number of vectors",
    "e": "(e) random text too",
    "f": "(f) Transformer and Mamba",
    **{claim: f"control: {title}" for claim, title in CONTROL_CLAIMS.items()},
    "CR4-X10": "CR4-X10: encoders hold at most 10 tokens for a vector",
    "CR4-X1500": "CR4-X1500: the published capacity of a model",
    "CR4-UNCERT": "CR4-UNCERT: gains vary less over kinds than lengths",
    "CR4-LARGER": "CR4-LARGER: order within a family",
    "CR4-FAMILIAR": "CR4-FAMILIAR: seen, unseen and random text alike",
    "CR4-LINEAR": "CR4-LINEAR: exponent over the number of vectors",
    "CR4-RANDOM": "CR4-RANDOM: random words against random tokens",
}
VERDICT = "verdict"


def decided(view: View) -> list[Row]:
    """Rows of cramming.columns.DECISIONS; none in a run without the study."""
    return [] if view.decisions is None else records(view.decisions)


def decisions(view: View) -> Table:
    """Every claim's verdict with its sentence."""
    rows = [row for row in decided(view) if row["quantity"] == VERDICT and row["model"] == ALL]
    verdicts = [{"Claim": _claim(row["claim"]), "Verdict": row["outcome"], "Why": row["reason"]} for row in rows]
    shown = pd.DataFrame(verdicts or [{"Claim": MISSING, "Verdict": MISSING, "Why": MISSING}])
    notes = (
        "The rules were fixed before the run. A criterion is met when its whole interval is where the rule wants it, "
        "and refutes when the whole interval is outside; a claim is supported when all its criteria are met, refuted "
        "when one is failed, else inconclusive at this scale. So it is where a cell was not run or has too few texts. "
        "Claims are decided on the tuned settings. Numbers in brackets: see the criteria.",
    )
    name, data = "cramming-decisions", pd.DataFrame(rows, columns=DECISIONS.names)
    return table(view, name, data, (Section("", shown),), notes, "Claim", (3, 2, 9))


def criteria(view: View) -> Table:
    """The criteria behind the verdicts, each with its number and rule."""
    rows = [row for row in decided(view) if row["quantity"] != VERDICT]
    sections = []
    for claim in dict.fromkeys(row["claim"] for row in rows):
        shown = [_criterion(row) for row in rows if row["claim"] == claim]
        sections.append(Section(_claim(claim), pd.DataFrame(shown)))
    notes = (
        f"Intervals: {100 * view.confidence:g} % percentile bootstrap over texts; differences of CR4-FAMILIAR: the "
        f"{100 * (2 * view.confidence - 1):g} % t "
        "interval of two one-sided tests. Beside: reported with a rule, deciding nothing. n: texts. Gains are strict: "
        "N − 1 predicted tokens, over texts not solved with an exact greedy decode; ratios over the texts and lengths "
        f"that both sides left unsolved. {MISSING}: not defined, or beyond the lengths that were run.",
    )
    return table(view, "cramming-criteria", pd.DataFrame(rows, columns=DECISIONS.names), sections, notes, "Claim")


def _claim(claim: str) -> str:
    return CLAIMS.get(claim, claim)


def _criterion(row: Row) -> dict[str, str]:
    value, low, high = (row[name] for name in ("estimate", "low", "high"))
    text = _digits(value)
    if low is not None or high is not None:
        text += f"\n[{_digits(low)}, {_digits(high)}]"
    return {
        "Criterion": str(row["quantity"]).replace("_", " "),
        "Model": row["model"],
        "Rule": row["threshold"] or MISSING,
        "Found": text,
        "n": count(row["n"]),
        "Outcome": row["outcome"] or "beside",
    }


def _digits(value: float | None) -> str:
    """Three figures or more: 0.0937, 1.01, 20.7, 161."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = math.floor(math.log10(abs(value))) if value else 0
    return number(value, min(4, max(0, 2 - size)))


def consistency(printed: Mapping[str, PublishedTable]) -> Table:
    """The published bound, use, bits and exponents, computed again from the printed numbers that they come from."""
    models = list(_model_rows(printed))
    exponents = list(_exponent_rows(printed))
    shares = list(_per_vector_rows(printed))
    sections = (
        Section("Bound, use and bits by model", pd.DataFrame([_model_shown(row) for row in models])),
        Section("Exponents over the number of vectors", pd.DataFrame([_exponent_shown(row) for row in exponents])),
        Section("Information gain for each vector", pd.DataFrame([_share_shown(row) for row in shares])),
    )
    notes = (
        "Printed number, and the same computed from the printed numbers behind it. Bound: 16 d / log2 V. Used: token "
        "gain over bound, on PG-19 and on random words. Bits/dim: information gain over ln 2 and d. Random/PG: ratio "
        "of the information gains, which claim (b) would have at 1. Agrees: all are equal in the digits that are "
        "printed. "
        "Exponents: between 1 and 16 vectors, and by least squares over all; below 1 is less than linear.",
        source_of(printed["cramming-models"]),
    )
    data = pd.DataFrame([*models, *exponents, *shares])
    return Table("cramming-published", table_title("cramming-published"), data, sections, notes, "Check")


def _agrees(text: str, value: float) -> bool:
    """Whether a value rounds to the printed text."""
    decimals = len(text.partition(".")[2])
    return bool(abs(value_of(text) - value) <= 0.5 * 10**-decimals * (1 + 1e-6))


def _model_rows(printed: Mapping[str, PublishedTable]) -> Iterator[Row]:
    for name, row in printed["cramming-models"].rows.items():
        width, gain = value_of(row["width"]), value_of(row["information_gain"])
        bound = theoretical_capacity(width, value_of(row["vocabulary"]))
        found = {
            "bound": bound,
            "utilisation": value_of(row["token_gain"]) / bound,
            "utilisation_random": value_of(row["token_gain_random"]) / bound,
            "bits": bits_per_dimension(gain, width),
        }
        texts = {**row, "bits": printed["cramming-bits"].rows[name]["bits"]}
        made: Row = {"check": "model", "name": name, "label": row["label"]}
        for key, value in found.items():
            made |= {f"{key}_printed": value_of(texts[key]), key: value, f"{key}_text": texts[key]}
        made["random_over_natural"] = value_of(row["information_gain_random"]) / gain
        yield made | {"agrees": all(_agrees(texts[key], value) for key, value in found.items())}


def _model_shown(row: Row) -> dict[str, str]:
    decimals = {"bound": 1, "utilisation": 4, "utilisation_random": 4, "bits": 3}
    names = {"bound": "Bound", "utilisation": "Used, PG-19", "utilisation_random": "Used, random", "bits": "Bits/dim"}
    cells = {names[key]: f"{row[f'{key}_text']} ({number(row[key], places)})" for key, places in decimals.items()}
    return {
        "Model": row["label"],
        **cells,
        "Random/PG": number(row["random_over_natural"], 2),
        "Agrees": yes_no(row["agrees"]),
    }


def _exponent_rows(printed: Mapping[str, PublishedTable]) -> Iterator[Row]:
    for row in printed["cramming-exponents"].rows.values():
        own = [each for each in printed["cramming-vectors"].rows.values() if each["model"] == row["model"]]
        sizes = np.array([value_of(each["vectors"]) for each in own])
        levels = np.array([[value_of(each[row["quantity"]]) for each in own]])
        ends = float(power_exponent(levels[:, [0, -1]], sizes[[0, -1]])[0])
        fitted = float(power_exponent(levels, sizes)[0])
        made: Row = {"check": "exponent", "name": row["model"], "label": row["label"], "exponent": ends}
        made |= {"exponent_printed": value_of(row["exponent"]), "exponent_text": row["exponent"]}
        yield made | {"exponent_least_squares": fitted, "agrees": _agrees(row["exponent"], ends)}


def _exponent_shown(row: Row) -> dict[str, str]:
    return {
        "Quantity": row["label"],
        "Derived before": row["exponent_text"],
        "1 to 16 vectors": number(row["exponent"], 4),
        "Least squares": number(row["exponent_least_squares"], 4),
        "Agrees": yes_no(row["agrees"]),
    }


def _per_vector_rows(printed: Mapping[str, PublishedTable]) -> Iterator[Row]:
    for row in printed["cramming-vectors"].rows.values():
        value = value_of(row["information_gain"]) / value_of(row["vectors"])
        made: Row = {"check": "per vector", "name": row["model"], "label": row["label"], "per_vector": value}
        made |= {"per_vector_printed": value_of(row["per_vector"]), "per_vector_text": row["per_vector"]}
        yield made | {"agrees": _agrees(row["per_vector"], value)}


def _share_shown(row: Row) -> dict[str, str]:
    return {
        "Model": row["label"],
        "Printed": row["per_vector_text"],
        "Computed": number(row["per_vector"], 2),
        "Agrees": yes_no(row["agrees"]),
    }
