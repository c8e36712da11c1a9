"""Looking up the language models' results, and the row that their tables share: one arm against another on a split."""

import math
from typing import Any

import pandas as pd

from tokentrial.report.formats import GAP, MISSING, count, number, p_value, with_interval, yes_no
from tokentrial.report.language_model_names import Condition, conditions, split_arm
from tokentrial.report.tables.rows import BITS, LOSS, Results, Row
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import paired_differences
from tokentrial.statistics.tables import REFERENCE


class Lookup:
    """The study's results, indexed by what a table asks for."""

    def __init__(self, found: Results) -> None:
        final = found.runs[found.runs["step"].isna() & found.runs["value"].notna()]
        keys = ["condition", "arm", "split", "metric"]
        groups = final.groupby(keys, sort=False).groups
        self.found = found
        self.corpus = found.corpus
        self._values = {key: final.loc[rows].set_index("seed")["value"].sort_index() for key, rows in groups.items()}
        self._contrasts = _by(found.statistics, "condition", "arm_a", "arm_b", "metric")
        self._levels = _by(found.summary, "condition", "arm", "metric")
        self._costs = _by(found.arms, "condition", "arm")

    def values(self, condition: str, arm: str, split: str = "test", metric: str = LOSS) -> pd.Series:
        """Final values by seed; empty where there are none."""
        return self._values.get((condition, arm, split, metric), pd.Series(dtype="float64"))

    def level(self, condition: str, arm: str, split: str = "test", metric: str = LOSS) -> Row:
        """n, mean, low and high of an arm; empty where it was not measured."""
        values = self.values(condition, arm, split, metric)
        if values.empty:
            return {}
        low, high = t_interval(values, self.found.confidence) if len(values) > 1 else (None, None)
        return {"n": len(values), "mean": float(values.mean()), "low": low, "high": high}

    def bound(self, condition: str, name: str, split: str = "test", metric: str = LOSS) -> float | None:
        """``chance`` or ``unigram`` of a condition."""
        values = self.values(condition, REFERENCE + name, split, metric)
        return None if values.empty else float(values.mean())

    def contrast(self, condition: str, arm: str, other: str, metric: str = LOSS) -> Row:
        """The row of results.STATISTICS of arm minus other on test text; empty where there is none."""
        return self._contrasts.get((condition, arm, other, metric), {})

    def summary_row(self, condition: str, arm: str) -> Row:
        """The arm's row of results.SUMMARY for the loss; empty where there is none."""
        return self._levels.get((condition, arm, LOSS), {})

    def cost(self, condition: str, arm: str) -> Row:
        """The arm's row of results.ARMS; empty where there is none."""
        return self._costs.get((condition, arm), {})

    def scale(self, condition: str) -> dict[str, Any]:
        """Body, widths and training of a condition, from the config; empty where that does not have it."""
        return dict(self.found.cells.get(condition, {}))

    def conditions(self, way: str) -> list[Condition]:
        """The conditions of a way with results, in the config's order."""
        return conditions(self.found.summary, way)

    def arms(self, condition: str) -> list[str]:
        """The arms of a condition: those without a ratio, then by ratio, in the config's order."""
        own = self.found.summary[self.found.summary["condition"] == condition]
        return sorted(own["arm"].unique(), key=lambda arm: split_arm(arm)[1] or 0)

    def margin(self) -> float | None:
        """The equivalence margin of losses, nats."""
        margins = self.found.statistics.loc[self.found.statistics["metric"] == LOSS, "margin"].dropna()
        return None if margins.empty else float(margins.iloc[0])


def _by(frame: pd.DataFrame, *keys: str) -> dict[tuple[str, ...], Row]:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {tuple(row[key] for key in keys): {str(name): value for name, value in row.items()} for row in records}


def perplexity(loss: float | None) -> float | None:
    """exp of a mean loss in nats per token."""
    return None if loss is None else math.exp(loss)


def pair_row(look: Lookup, way: str, condition: str, arm: str, other: str, split: str = "test") -> Row:
    """Two arms of a condition: levels, perplexities, and the paired difference with its test where there is one."""
    levels = {name: look.level(condition, each, split) for name, each in (("learned", arm), ("autoencoder", other))}
    tested = look.contrast(condition, arm, other) if split == "test" else {}
    row: Row = {"way": way, "corpus": look.corpus, "condition": condition, "split": split, "arm_a": arm, "arm_b": other}
    row["n"] = min((level["n"] for level in levels.values() if level), default=None)
    for name, level in levels.items():
        row |= {name: level.get("mean"), f"{name}_low": level.get("low"), f"{name}_high": level.get("high")}
        row[f"{name}_perplexity"] = perplexity(level.get("mean"))
    for name, each in (("learned", arm), ("autoencoder", other)):
        row[f"{name}_bits_per_byte"] = look.level(condition, each, split, BITS).get("mean")
    row |= difference(look, condition, arm, other, split)
    row |= {key: tested.get(key) for key in ("p_holm", "equivalent", "margin")}
    return row | {"unigram": look.bound(condition, "unigram", split)}


def difference(look: Lookup, condition: str, arm: str, other: str, split: str) -> Row:
    """Mean paired difference and its t interval over the seeds that both arms have."""
    both = pd.concat([look.values(condition, each, split) for each in (arm, other)], axis=1, join="inner")
    if both.empty:
        return {"difference": None, "difference_low": None, "difference_high": None}
    apart = paired_differences(both.iloc[:, 0].to_numpy(), both.iloc[:, 1].to_numpy())
    low, high = t_interval(apart, look.found.confidence) if len(apart) > 1 else (None, None)
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


def notes_on_tests(look: Lookup) -> str:
    """What intervals, p and equivalence mean here."""
    level, margin = f"{100 * look.found.confidence:g} %", look.margin()
    within = "the margin" if margin is None else f"{margin:g} nats"
    return (
        f"Losses in nats per token. Brackets: {level} t interval over seeds (the difference's is paired). p: paired t "
        "test, Holm-corrected over the comparisons of its sub-study, way and pair of methods. Equiv.: two one-sided "
        f"tests show the difference to be within {within}. Bits/byte: the same loss in bits per byte of the raw text, "
        f"which compares words with subwords. ppl: perplexity, exp of the mean loss per token. {MISSING}: not "
        "stated, not measured, or not defined for so few seeds."
    )
