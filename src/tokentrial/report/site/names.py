"""What readers see in place of the run's keys: names of conditions, arms, metrics, splits and comparisons."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pandas as pd

from tokentrial.report import catalogue
from tokentrial.report.cramming_names import in_words, kind_name
from tokentrial.report.language_model_names import tokens_name
from tokentrial.report.real_model_names import USES, text_name
from tokentrial.report.synthetic_names import HEADS, SOURCES, head_name
from tokentrial.run.columns import Condition
from tokentrial.run.finals import BOUND, METRICS
from tokentrial.run.view import View

METRIC_NAMES = {
    "cross_entropy": "cross-entropy",
    "cross_entropy_high": "cross-entropy after frequent tokens",
    "cross_entropy_mid": "cross-entropy after tokens of middle frequency",
    "cross_entropy_low": "cross-entropy after rare tokens",
    "accuracy": "accuracy",
    "bits_per_byte": "bits per byte",
    "agreement": "agreement with the full table",
}
"""Other metrics are named by their keys, without underscores."""
SPLIT_NAMES = {"test": "test data", "validation": "validation data", "train": "training data", "none": ""}
WAYS = {"as-released": "as released", "as-described": "as described", "done-right": "done right"}
UNITS = {"1": "", "none": "", "fraction": "share"}


def _plain(key: Any) -> str:
    return str(key).replace("_", " ").replace("-", " ")


def _data(condition: Condition) -> str:
    if condition.model is not None:
        return text_name(condition)
    source = SOURCES.get(condition.source or "", _plain(condition.source or ""))
    if str(condition.data).endswith(f"v{condition.vocab_size}"):
        return f"{source}, V = {condition.vocab_size:,}"
    return f"{source}, {_plain(condition.data)}" if source else _plain(condition.data)


# Column -> its name for readers and the words for a condition's value; in the order of a condition's name.
COLUMNS: dict[str, tuple[str, Callable[[Condition], str]]] = {
    "ratio": ("Compression", lambda each: f"{each.ratio}:1"),
    "value": ("Varied", lambda each: f"{_plain(each.varied)} {_plain(each.value)}"),
    "fresh": ("Text", lambda each: "fresh text" if each.fresh else "training text"),
    "data": ("Data", _data),
    "vocab_size": ("Vocabulary", lambda each: f"V = {each.vocab_size:,}"),
    "head": ("Task model", head_name),
    "train": ("Training sequences", lambda each: f"{each.train:,} training sequences"),
    "body": ("Body", lambda each: str(each.body)),
    "layers": ("Layers", lambda each: f"{each.layers} layers"),
    "tokens": ("Tokens", tokens_name),
    "narrow": ("Width of the body", lambda each: "body as narrow as the encoding" if each.narrow else "full body"),
    "tied": (
        "Use of the table",
        lambda each: USES[bool(each.tied)] if each.model else "tied" if each.tied else "untied",
    ),
    "epochs": ("Epochs", lambda each: f"{each.epochs:g} epochs"),
    "fraction": ("Share of the training text", lambda each: f"{100 * (each.fraction or 0):g} % of the text"),
    "model": ("Language model", lambda each: str(each.model)),
    "kind": ("Kind of text", lambda each: kind_name(each.kind)),
    "length": ("Length", lambda each: f"{each.length:,} tokens"),
    "vectors": ("Vectors", lambda each: in_words(each.vectors)),
    "full_width": ("Full width", lambda each: f"full width {each.full_width}"),
    "width": ("Width", lambda each: f"width {each.width}"),
}
MINUS = re.compile(r"(?<![\w.)\]])-(?=\.?\d)")
"""A hyphen that stands for a minus sign."""
Group = tuple[str, str, str | None]
"""Study, experiment, way."""


class Names:
    """Names for readers of everything in a run."""

    def __init__(self, view: View) -> None:
        self.view = view

    def study(self, study: str) -> str:
        """Returns the title of a study's chapter."""
        return catalogue.study_title(study, self.view.corpus)

    def experiment(self, condition: Condition) -> str:
        """Returns ``Compression ratios (001), done right``; with the experiment's name if another has its title."""
        title = condition.title if " " in condition.title else f"Script {_plain(condition.title)}"
        if len(self._experiments[condition.study, condition.title]) > 1:
            title = f"{title}, {_plain(condition.experiment)}"
        return ", ".join(part for part in (title, WAYS.get(condition.way or "", condition.way or "")) if part)

    def condition(self, name: str) -> str:
        """Returns what tells a condition from the others of its experiment and way; empty for the only one."""
        return self._labels.get(name, _plain(name))

    def whole(self, name: str) -> str:
        """Returns a condition's full name: ``Compression ratios (001), done right: 8:1, Zipf chain v100``."""
        condition = self.view.condition(name)
        return ": ".join(part for part in (self.experiment(condition), self.condition(name)) if part)

    def facts(self, name: str) -> list[tuple[str, str]]:
        """Returns what a condition is, as pairs of a column's name and its value in words."""
        condition = self.view.condition(name)
        known = [COLUMNS[column] for column in COLUMNS if _has(condition, column)]
        return [(title, _without(title, say(condition))) for title, say in known]

    def arm(self, study: str, arm: str) -> str:
        """Returns the name of an arm, or of a bound that has rows like an arm's."""
        if arm.startswith(BOUND):
            return f"bound: {_plain(arm.removeprefix(BOUND))}"
        return self.view.arm_name(study, arm)

    def metric(self, metric: str, split: str = "") -> str:
        """Returns ``cross-entropy, test data``."""
        where = SPLIT_NAMES.get(split, kind_name(split) if split else "")
        return ", ".join(part for part in (METRIC_NAMES.get(metric, metric.replace("_", " ")), where) if part)

    def comparison(self, row: Any, whole: bool = True) -> str:
        """Returns ``Markov chains (000), done right: 8:1, mean pooling: learned minus autoencoder, accuracy``.

        row: of results.STATISTICS; whole: with the condition.
        """
        arms = " minus ".join(self.arm(row["study"], row[side]) for side in ("arm_a", "arm_b"))
        pair = f"{arms}, {self.metric(row['metric'])}"
        return f"{self.whole(row['condition'])}: {pair}" if whole else pair

    def readable(self, text: str) -> str:
        """Returns a sentence of the run in which names stand for keys of conditions, arms and task models."""
        return MINUS.sub("−", self._keys.sub(lambda match: self._words[match[0]], text) if self._words else text)

    @cached_property
    def _experiments(self) -> dict[tuple[str, str], set[str]]:
        """Study and title -> the experiments that have it."""
        found: dict[tuple[str, str], set[str]] = {}
        for each in self.view.select():
            found.setdefault((each.study, each.title), set()).add(each.experiment)
        return found

    @cached_property
    def _words(self) -> dict[str, str]:
        words = HEADS | {key: name for key, name in METRIC_NAMES.items() if "_" in key}
        for row in self.view.methods.to_dict("records"):
            if "_" in row["arm"] or "-" in row["arm"]:  # of a key that several studies have, the first study's name
                words.setdefault(row["arm"], row["name"])
        for each in self.view.select():
            label = self.condition(each.condition)
            words[f"{each.experiment}/{each.name}"] = f"{each.title}: {label}" if label else each.title
            if "-" in each.name and label:
                words.setdefault(each.name, label)
        return words

    @cached_property
    def _keys(self) -> re.Pattern[str]:
        every = "|".join(re.escape(key) for key in sorted(self._words, key=len, reverse=True))
        return re.compile(rf"(?<![\w/.-])(?:{every})(?![\w/-])")

    @cached_property
    def _labels(self) -> dict[str, str]:
        groups: dict[Group, list[Condition]] = {}
        for each in self.view.select():
            groups.setdefault((each.study, each.experiment, each.way), []).append(each)
        return {name: label for group in groups.values() for name, label in _told_apart(group).items()}


def _without(title: str, words: str) -> str:
    """The words beside a title, which need not repeat it: ``32`` of ``full width 32``."""
    return re.sub(rf"^{title} | {title}$", "", words, flags=re.IGNORECASE)


def _has(condition: Condition, column: str) -> bool:
    value = getattr(condition, column)
    return value is not None and (column != "fresh" or condition.cell is not None)


def _told_apart(group: list[Condition]) -> dict[str, str]:
    """Condition -> the words for the columns in which the group differs, and its own name if they do not suffice."""
    if len(group) == 1:
        return {group[0].condition: ""}
    differing: list[str] = []
    for column in COLUMNS:  # one that says no more than those before it is left out
        if _kinds(group, [*differing, column]) > _kinds(group, differing):
            differing.append(column)
    labels = {}
    for each in group:
        words = [COLUMNS[column][1](each) for column in differing if _has(each, column)]
        labels[each.condition] = ", ".join(dict.fromkeys(words)) or _plain(each.name)
    counts = Counter(labels.values())
    own = {each.condition: _plain(each.name) for each in group}
    return {name: label if counts[label] == 1 else f"{label} ({own[name]})" for name, label in labels.items()}


def _kinds(group: list[Condition], columns: list[str]) -> int:
    return len({tuple(getattr(each, column) for column in columns) for each in group})


def lower_is_better(metric: str) -> bool | None:
    """Returns whether less is better; None for a metric that is not compared."""
    base = next((name for name in METRICS if metric.startswith(name)), None)
    return None if base is None else not METRICS[base]


def unit(text: str) -> str:
    """Returns a unit for readers; empty for a number without one."""
    return UNITS.get(text, text)


def shortened(value: Any, digits: int = 6) -> str:
    """Returns a number in at most so many digits, with this project's minus sign; an en dash for a missing value."""
    if value is None or pd.isna(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    whole = float(value)
    text = f"{whole:,.0f}" if whole == int(whole) and abs(whole) < 1e15 else f"{whole:.{digits}g}"
    return text.replace("e-0", "e-").replace("-", "−")
