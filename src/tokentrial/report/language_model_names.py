"""Conditions and arms of the study of language models, taken apart and named for readers."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from tokentrial.report.catalogue import STUDY_TITLES
from tokentrial.statistics.pareto import family

TOKENS = {"bpe": "BPE", "word": "words"}
METHODS = {
    "full": "full table",
    "random_frozen": "random, frozen",
    "pca": "PCA",
    "svd": "SVD",
    "svd_weighted": "SVD, count-weighted",
    "int": "quantised",
    "pq": "product quantised",
    "qr": "quotient-remainder",
    "hash": "hash embedding",
    "learned_twice": "learned, twice the epochs",
    "learned_unmasked": "learned, without mask",
    "learned_masked": "learned, with mask",
    "autoencoder_released": "autoencoder",
    "autoencoder_released_masked": "autoencoder, with mask",
    "autoencoder_finetuned": "autoencoder, fine-tuned",
    "autoencoder_deep": "deep autoencoder",
    "autoencoder_variational": "variational autoencoder",
}


class Condition(NamedTuple):
    """``language_models/transformer/done-right/bpe``, taken apart."""

    name: str
    sub_study: str
    way: str
    tokens: str

    @property
    def body(self) -> str:
        """``Transformer, tied``: the sub-study's title without the text's and the document's names."""
        title = STUDY_TITLES.get(self.sub_study, self.sub_study.replace("-", " "))
        return re.sub(r"^\{corpus\},? |( on \{corpus\})? \(\d+(, \d+)*\)$", "", title)

    @property
    def title(self) -> str:
        """``Transformer, tied; BPE``."""
        return f"{self.body}; {TOKENS.get(self.tokens, self.tokens)}"


def conditions(rows: pd.DataFrame, way: str) -> list[Condition]:
    """The conditions of one way that a result table has, in its order."""
    made = [Condition(str(name), *str(name).split("/")[1:4]) for name in rows["condition"].unique()]
    return [condition for condition in made if condition.way == way]


def split_arm(arm: str) -> tuple[str, int | None]:
    """(method, ratio): ``learned-8`` is ('learned', 8), ``int8`` is ('int8', None)."""
    name, _, size = arm.partition("-")
    return (name, int(size)) if size.isdigit() else (arm, None)


def method_name(family_name: str) -> str:
    """A method's name for readers, by its family (see statistics.pareto.family)."""
    return METHODS.get(family_name, family_name.replace("_", " "))


def arm_name(arm: str) -> str:
    """``learned 8:1``, ``product quantised (pq_16)``: a size that is no ratio keeps the config's name."""
    name, ratio = split_arm(arm)
    if ratio is not None:
        return f"{method_name(name)} {ratio}:1"
    shown = method_name(family(arm)) if family(arm) in METHODS else name.replace("_", " ")
    return f"{shown} ({arm})" if family(arm) in METHODS and family(arm) != arm else shown


def bits_of_a_nat(rows: pd.DataFrame, condition: str) -> float | None:
    """Bits per byte of the raw text that one nat per token is, a constant of a condition and split.

    rows: of that split, with the columns condition, arm, metric, and mean or value; None where they have no bits.
    """
    level = "mean" if "mean" in rows else "value"
    own = rows[(rows["condition"] == condition) & rows["metric"].isin(["cross_entropy", "bits_per_byte"])]
    means = (
        own.groupby(["arm", "metric"])[level]
        .mean()
        .unstack("metric")
        .reindex(columns=["bits_per_byte", "cross_entropy"])
    )
    both = means.dropna()
    return None if both.empty else float(both["bits_per_byte"].sum() / both["cross_entropy"].sum())


def vocabulary(row: Mapping[str, Any]) -> int | None:
    """The vocabulary, from a summary row's chance level, which is the logarithm of its size."""
    chance = row.get("chance")
    return None if chance is None else round(math.exp(chance))
