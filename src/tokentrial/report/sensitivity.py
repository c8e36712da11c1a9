"""Which verdicts flip under which choices: the rows of claims.sensitivity in words. Pure functions of these rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial.report.formats import GAP

NEITHER = "–"


def runs_of(verdicts: Mapping[float, str]) -> list[tuple[float, float, str]]:
    """Neighbouring margins with one verdict, from the smallest on: first and last margin, and the verdict."""
    found: list[tuple[float, float, str]] = []
    for margin, verdict in sorted(verdicts.items()):
        if found and found[-1][2] == verdict:
            found[-1] = (found[-1][0], margin, verdict)
        else:
            found.append((margin, margin, verdict))
    return found


def in_words(verdicts: Mapping[float, str]) -> str:
    """``CONFIRMED 1 to 4 %, TOO SMALL 5 to 10 %``: a verdict with its margins; the verdict alone if there is one."""
    parts = runs_of(verdicts)
    if len(parts) < 2:
        return parts[0][2] if parts else NEITHER
    return ", ".join(f"{verdict} {_margins(low, high)}" for low, high, verdict in parts)


def _margins(low: float, high: float) -> str:
    first, last = (f"{100 * margin:g}" for margin in (low, high))
    return f"{first}{GAP}%" if first == last else f"{first} to {last}{GAP}%"


def by_margin(rows: pd.DataFrame, **chosen: Any) -> dict[float, str]:
    """Margin -> verdict among the rows of a claim with these choices."""
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    known = rows[rows["margin"].notna()]
    return dict(zip(known["margin"], known["verdict"], strict=True))


def claim_row(rows: pd.DataFrame) -> dict[str, Any]:
    """What a table says of one claim; rows: those of the claim, its own specification among them."""
    [own] = rows[rows["own"]].to_dict("records")
    others = rows[~rows["own"]]
    usual = {"metric": own["metric"], "baseline": "", "center": "mean"}
    metrics = [name for name in others["metric"].unique() if name != own["metric"]]
    baselines = [name for name in others["baseline"].unique() if name]
    return {
        "id": own["id"], "document": own["document"], "verdict": own["verdict"], "specifications": len(rows),
        "same": int((rows["verdict"] == own["verdict"]).sum()),
        "by_margin": in_words(by_margin(others, **usual)),
        "other_metric": _others(others, usual, "metric", metrics),
        "median": in_words(by_margin(others, **usual | {"center": "median"})),
        "other_baseline": _others(others, usual, "baseline", baselines),
    }  # fmt: skip


def _others(rows: pd.DataFrame, usual: Mapping[str, Any], name: str, values: Sequence[str]) -> str:
    """The verdicts by other values of a choice, with the value's name where there are several."""
    told = {value: in_words(by_margin(rows, **{**usual, name: value})) for value in values}
    known = {value: text for value, text in told.items() if text != NEITHER}
    if name == "metric":
        return "; ".join(known.values()) or NEITHER
    return "; ".join(f"{value.replace('_', ' ')}: {text}" for value, text in known.items()) or NEITHER


def claim_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for every claim that has more than its own specification, in the registry's order."""
    return [claim_row(group) for _, group in rows.groupby("id", sort=False) if len(group) > 1]
