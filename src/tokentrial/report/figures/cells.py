"""Result tables cut into what a panel shows: the cells of one way of running, named in words for readers."""

import re

import pandas as pd

from tokentrial.errors import InputError

SUB_STUDIES = {
    "markov": "Markov chain (000)",
    "compression": "Compression (001)",
    "vocabulary": "Vocabulary (001)",
    "complexity": "Type of data (001)",
    "baselines": "Baselines (001)",
    "signal": "Signal (001, 002)",
}
HEADS = {"mean-pool": "pooled window", "window-mlp": "ordered window", "token-mlp": "current token"}
RATIO = re.compile(r"^(?:(?P<data>.+?)-)?ratio-(?P<ratio>\d+)(?:-(?P<head>.+))?$")


def cells(rows: pd.DataFrame, way: str = "done-right") -> pd.DataFrame:
    """The rows of one way of running, with the columns sub_study, cell, data, ratio and head beside their own.

    ``ratio`` is missing, ``data`` the whole cell and ``head`` empty where the cell's name has no ratio.
    """
    parts = rows["condition"].str.split("/", expand=True).reindex(columns=range(4))
    chosen = parts[2] == way
    found = rows[chosen].assign(sub_study=parts.loc[chosen, 1], cell=parts.loc[chosen, 3])
    named = found["cell"].astype(str).str.extract(RATIO)
    return found.assign(
        data=named["data"].fillna("").where(named["ratio"].notna(), found["cell"]),
        ratio=pd.to_numeric(named["ratio"]),
        head=named["head"].fillna(""),
    )


def sub_study_title(name: str) -> str:
    return SUB_STUDIES.get(name, name.replace("-", " "))


def in_words(cell: str) -> str:
    """The cell's name for readers: ``v20-ratio-8`` is 'V = 20, 8:1'."""
    text = re.sub(r"ratio-(\d+)", r"\1:1", cell)
    text = re.sub(r"\bv(\d+)\b", r"V = \1", text)
    text = re.sub(r"-(?=V = |\d+:1)|(?<=:1)-|(?<=\d)-", ", ", text)
    for head, words in HEADS.items():
        text = text.replace(head, words)
    return text.replace("_", "-")


def require(rows: pd.DataFrame, figure: str, missing: str) -> pd.DataFrame:
    """The rows, or an InputError that says what the figure needs and does not have."""
    if rows.empty:
        raise InputError(f"figure {figure}: nothing to show: no {missing} in the results")
    return rows
