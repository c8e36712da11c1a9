"""The row that the tables of the language models share: one arm against another on one split of the text."""

import math

import pandas as pd

from tokentrial.report.formats import GAP, MISSING, count, number, p_value, with_interval, yes_no
from tokentrial.report.language_model_names import bound, margin
from tokentrial.report.tables.rows import Row
from tokentrial.run.columns import Condition
from tokentrial.run.finals import BITS
from tokentrial.run.view import View
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import paired_differences


def perplexity(loss: float | None) -> float | None:
    """exp of a mean loss in nats per token."""
    return None if loss is None else math.exp(loss)


def pair_row(view: View, way: str, condition: Condition, arm: str, other: str, split: str = "test") -> Row:
    """Two arms of a condition: levels, perplexities, and the paired difference with its test where there is one."""
    arms = {"learned": arm, "autoencoder": other}
    levels = {name: view.level_on(split, condition.id, each) for name, each in arms.items()}
    tested = view.pair(condition.id, arm, other) if split == "test" else {}
    row: Row = {"way": way, "corpus": view.corpus, "condition": condition.id, "split": split}
    row |= {"arm_a": arm, "arm_b": other}
    row["n"] = min((values["n"] for values in levels.values() if values), default=None)
    for name, values in levels.items():
        row |= {name: values.get("mean"), f"{name}_low": values.get("low"), f"{name}_high": values.get("high")}
        row[f"{name}_perplexity"] = perplexity(values.get("mean"))
    for name, each in arms.items():
        row[f"{name}_bits_per_byte"] = view.level_on(split, condition.id, each, BITS).get("mean")
    row |= difference(view, condition, arm, other, split)
    row |= {key: tested.get(key) for key in ("p_holm", "equivalent", "margin")}
    return row | {"unigram": bound(view, condition, "unigram", split)}


def difference(view: View, condition: Condition, arm: str, other: str, split: str) -> Row:
    """Mean paired difference and its t interval over the seeds that both arms have."""
    both = pd.concat([view.values_on(split, condition.id, each) for each in (arm, other)], axis=1, join="inner")
    if both.empty:
        return {"difference": None, "difference_low": None, "difference_high": None}
    apart = paired_differences(both.iloc[:, 0].to_numpy(), both.iloc[:, 1].to_numpy())
    low, high = t_interval(apart, view.confidence) if len(apart) > 1 else (None, None)
    return {"difference": float(apart.mean()), "difference_low": low, "difference_high": high}


def shown_pair(row: Row) -> dict[str, str]:
    """A row of two arms as text; ``printed`` has what a document prints, as it stands there."""
    made = {"Way": row["way"], "n": count(row.get("n"))}
    names = (("Learned", "learned"), ("Autoencoder", "autoencoder"))
    made |= {title: with_interval(row.get(key), row.get(f"{key}_low"), row.get(f"{key}_high")) for title, key in names}
    made |= {f"{title},\nbits/byte": number(row.get(f"{key}_bits_per_byte"), 4) for title, key in names}
    made |= {f"{title},\nppl": number(row.get(f"{key}_perplexity"), 2) for title, key in names}
    made["Difference"] = with_interval(
        row.get("difference"), row.get("difference_low"), row.get("difference_high"), signed=True
    )
    made |= {"p": p_value(row.get("p_holm")), "Equiv.": yes_no(row.get("equivalent"))}
    made["Unigram"] = number(row.get("unigram"), 3)
    return made | {key: text for key, text in row.get("printed", {}).items() if key in made}


def one_line(row: Row, key: str, signed: bool = False) -> str:
    """``0.0240 [0.0201, 0.0279]`` of key, key_low and key_high."""
    return with_interval(row.get(key), row.get(f"{key}_low"), row.get(f"{key}_high"), signed).replace("\n", GAP)


def notes_on_tests(view: View) -> str:
    """What intervals, p and equivalence mean here."""
    share, nats = f"{100 * view.confidence:g} %", margin(view)
    within = "the margin" if nats is None else f"{nats:g} nats"
    return (
        f"Losses in nats per token. Brackets: {share} t interval over seeds (the difference's is paired). p: paired t "
        "test, Holm-corrected over the comparisons of its sub-study, way and pair of methods. Equiv.: two one-sided "
        f"tests show the difference to be within {within}. Bits/byte: the same loss in bits per byte of the raw text, "
        f"which compares words with subwords. ppl: perplexity, exp of the mean loss per token. {MISSING}: not "
        "stated, not measured, or not defined for so few seeds."
    )
