"""Rows of conditions done right with what their conditions are, and what a panel calls them."""

import pandas as pd

from tokentrial.errors import InputError
from tokentrial.run.columns import Condition
from tokentrial.run.view import View

HEADS = {"mean_pool": "pooled window", "window_mlp": "ordered window", "token_mlp": "current token"}


def done_right(view: View, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of conditions done right, with what figures group them by: columns of run.columns.Condition."""
    columns = ["experiment", "short", "varied", "data", "ratio", "head", "vocab_size"]
    conditions = view.conditions[view.conditions["way"] == "done-right"].set_index("condition")
    return rows.join(conditions[columns], on="condition", how="inner")


def in_words(condition: Condition, *columns: str) -> str:
    """What varies within the condition's experiment, for readers: ``V = 20, 8:1``; columns: of these alone.

    The only condition of an experiment has the name of its data.
    """
    size, shown = f"v{condition.vocab_size}", f"V = {condition.vocab_size}"
    data = (condition.data or condition.name).replace(f"-{size}", f", {shown}").replace(size, shown)
    head = condition.head or ""
    words = {"data": data.replace("_", "-"), "ratio": f"{condition.ratio}:1", "head": HEADS.get(head, head)}
    varied = (condition.varied or "data").split()
    return ", ".join(words[name] for name in varied if not columns or name in columns)


def panel_title(view: View, rows: pd.DataFrame) -> str:
    """The experiment, its data and task model as far as they vary, of rows that differ in neither."""
    condition = view.condition(rows["condition"].iloc[0])
    return ", ".join(word for word in (condition.short, in_words(condition, "data", "head")) if word)


def require(rows: pd.DataFrame, figure: str, missing: str) -> pd.DataFrame:
    """The rows, or an InputError that says what the figure needs and does not have."""
    if rows.empty:
        raise InputError(f"figure {figure}: nothing to show: no {missing} in the results")
    return rows
