"""Where the as-released loss ratio of bespoke and standard embeddings comes from, in log ratios over paired seeds.

Every effect is a mean over seeds of a difference of log losses, in nats of the ratio: -0.69 halves the loss. The losses
are rows of the ``scaling`` script: of the last training batch, as reported (condition ``<cell>``), and of the same
weights on fresh windows (condition ``<cell>-fresh``).

The first three effects add up to the reported ratio exactly, seed by seed:

    reported = metric + extra linear layer + width by frequency

    metric                 ln(bespoke / standard) on the last batch, less the same on fresh windows
    extra linear layer     ln(projected / standard) on fresh windows: one trained map behind a uniform table
    width by frequency     ln(bespoke / projected) on fresh windows: what frequency-dependent widths add to that map

The others remove, or put in its place, one thing at a time; they overlap and do not add up.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tokentrial.errors import InputError
from tokentrial.statistics.intervals import t_interval

STANDARD, BESPOKE = "standard", "bespoke"
FRESH = "-fresh"
COLUMNS = ("factor", "part", "contrast", "step", "effect", "sd", "low", "high", "n")

Step = int | None
Losses = Callable[[str, bool, Step], pd.Series]  # arm, on fresh windows, step (None: as reported) -> log loss by seed


@dataclass(frozen=True)
class Factor:
    """A difference of log losses on fresh windows between two arms, at the reported number of steps."""

    name: str
    arm: str
    against: str
    part: str


CHAIN = (
    Factor("extra linear layer", "projected", STANDARD, "sum"),
    Factor("width by frequency", BESPOKE, "projected", "sum"),
)
SINGLE = (
    Factor("learning rate", "standard_fast", STANDARD, "instead"),
    Factor("extra linear layer, wide", "projected_wide", STANDARD, "instead"),
    Factor("maps kept as drawn", "frozen", BESPOKE, "removed"),
    Factor("same width for all", "projected_wide", BESPOKE, "removed"),
    Factor("widths permuted", "permuted", BESPOKE, "removed"),
    Factor("widths reversed", "reversed", BESPOKE, "removed"),
)


def attribution(rows: pd.DataFrame, condition: str, confidence: float = 0.95) -> pd.DataFrame:
    """One row per factor: ``effect`` in log loss ratio with Student's interval (``low``, ``high``), ``sd`` and ``n``.

    rows: results.RUNS. condition: a cell of the scaling script that has all arms. ``part``: ``total`` the reported
    ratio; ``sum`` the effects that add up to it; ``instead`` one thing put into the standard arm; ``removed`` one thing
    taken out of the bespoke arm (an effect near 0: it did nothing); ``steps`` the ratio on fresh windows at each other
    number of steps, less the one reported. ``contrast`` names the arms; ``step`` is null for the reported number.
    Raises InputError where an arm has no loss.
    """
    losses = _reader(rows, condition)

    def ratio(arm: str, against: str, fresh: bool = True, step: Step = None) -> pd.Series:
        return (losses(arm, fresh, step) - losses(against, fresh, step)).dropna()

    reported, on_fresh = ratio(BESPOKE, STANDARD, fresh=False), ratio(BESPOKE, STANDARD)
    pair = f"{BESPOKE} / {STANDARD}"
    made = [
        _effect("reported ratio", "total", pair, None, reported, confidence),
        _effect("metric", "sum", pair, None, reported - on_fresh, confidence),
    ]
    for factor in (*CHAIN, *SINGLE):
        values = ratio(factor.arm, factor.against)
        made.append(_effect(factor.name, factor.part, f"{factor.arm} / {factor.against}", None, values, confidence))
    for step in _steps(rows, condition):
        later = ratio(BESPOKE, STANDARD, step=step)
        change = (later - on_fresh).dropna()
        if change.ne(0.0).any():  # at the reported number it is the same measurement
            made.append(_effect("number of steps", "steps", pair, step, change, confidence))
    return pd.DataFrame(made, columns=list(COLUMNS)).astype({"step": "Int64"})


def _reader(rows: pd.DataFrame, condition: str) -> Losses:
    """Log losses by seed of an arm of the cell or of its fresh text."""
    chosen = rows[rows["metric"].eq("cross_entropy") & rows["condition"].isin([condition, condition + FRESH])]

    def losses(arm: str, fresh: bool, step: Step) -> pd.Series:
        name = condition + FRESH if fresh else condition
        mine = chosen[chosen["condition"].eq(name) & chosen["arm"].eq(arm)]
        mine = mine[mine["step"].isna() if step is None else mine["step"].eq(step)]
        if mine.empty:
            at = "" if step is None else f" at step {step}"
            raise InputError(f"attribution: {name}: arm {arm} has no cross_entropy{at}")
        return pd.Series(np.log(mine["value"].to_numpy()), index=mine["seed"].to_numpy())

    return losses


def _steps(rows: pd.DataFrame, condition: str) -> list[int]:
    """The numbers of steps at which both arms were measured on fresh windows."""
    fresh = rows[rows["condition"].eq(condition + FRESH) & rows["metric"].eq("cross_entropy") & rows["step"].notna()]
    found = [set(fresh.loc[fresh["arm"].eq(arm), "step"].astype(int)) for arm in (STANDARD, BESPOKE)]
    return sorted(found[0] & found[1])


def _effect(
    name: str, part: str, contrast: str, step: Step, values: pd.Series, confidence: float
) -> tuple[str, str, str, Step, float, float, float, float, int]:
    low, high = t_interval(values.to_numpy(), confidence)
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return name, part, contrast, step, float(values.mean()), spread, low, high, len(values)
