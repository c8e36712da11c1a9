"""The causes of the as-released loss ratio of bespoke and standard embeddings, as log ratios over paired seeds.

Every effect is a mean over seeds of a difference of log losses, in nats of the ratio: -0.69 halves the loss. The losses
are rows of the ``scaling`` script. One condition has the losses of the last training batch, which the script reports;
another has those of the same weights on fresh windows.

The first three effects add up to the reported ratio exactly, seed by seed:

    reported = metric + extra linear layer + width by frequency

    metric                 ln(bespoke / standard) on the last batch, less the same on fresh windows
    extra linear layer     ln(projected / standard) on fresh windows: one trained map behind a uniform table
    width by frequency     ln(bespoke / projected) on fresh windows: what frequency-dependent widths add to that map

Each other effect removes or replaces one thing. These effects overlap and do not add up.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tokentrial.errors import InputError
from tokentrial.statistics.intervals import t_interval

STANDARD, BESPOKE = "standard", "bespoke"
COLUMNS = ("factor", "part", "contrast", "step", "effect", "sd", "low", "high", "n")

Step = int | None  # None: the reported number of steps


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


def attribution(rows: pd.DataFrame, condition: str, fresh_condition: str, confidence: float = 0.95) -> pd.DataFrame:
    """Returns one row per factor: ``effect`` (log loss ratio), Student's interval (``low``, ``high``), ``sd``, ``n``.

    rows: results.RUNS. condition: a condition of the scaling script that has all arms; fresh_condition: the same models
    on fresh windows. ``part`` is ``total`` for the reported ratio, ``sum`` for the effects that add up to the total,
    ``instead`` for one thing put into the standard arm, ``removed`` for one thing taken out of the bespoke arm (an
    effect near 0: the thing did nothing), and ``steps`` for the ratio on fresh windows at another number of steps, less
    that at the reported number. ``contrast`` names the arms; ``step`` is null for the reported number. Raises
    InputError if an arm has no loss.
    """
    losses = rows[rows["metric"].eq("cross_entropy") & rows["condition"].isin([condition, fresh_condition])]

    def ratio(arm: str, against: str, measured: str = fresh_condition, step: Step = None) -> pd.Series:
        return (_log_losses(losses, measured, arm, step) - _log_losses(losses, measured, against, step)).dropna()

    reported, on_fresh = ratio(BESPOKE, STANDARD, condition), ratio(BESPOKE, STANDARD)
    pair = f"{BESPOKE} / {STANDARD}"
    effects = [
        _effect("reported ratio", "total", pair, None, reported, confidence),
        _effect("metric", "sum", pair, None, reported - on_fresh, confidence),
    ]
    for factor in (*CHAIN, *SINGLE):
        values = ratio(factor.arm, factor.against)
        effects.append(_effect(factor.name, factor.part, f"{factor.arm} / {factor.against}", None, values, confidence))
    for step in _steps(losses[losses["condition"].eq(fresh_condition)]):
        change = (ratio(BESPOKE, STANDARD, step=step) - on_fresh).dropna()
        if change.ne(0.0).any():  # at the reported number of steps, both are the same measurement
            effects.append(_effect("number of steps", "steps", pair, step, change, confidence))
    return pd.DataFrame(effects, columns=list(COLUMNS)).astype({"step": "Int64"})


def _log_losses(losses: pd.DataFrame, condition: str, arm: str, step: Step) -> pd.Series:
    """Log losses of an arm, indexed by seed."""
    rows = losses[losses["condition"].eq(condition) & losses["arm"].eq(arm)]
    rows = rows[rows["step"].isna() if step is None else rows["step"].eq(step)]
    if rows.empty:
        at = "" if step is None else f" at step {step}"
        raise InputError(f"attribution: {condition}: arm {arm} has no cross_entropy{at}")
    return pd.Series(np.log(rows["value"].to_numpy()), index=rows["seed"].to_numpy())


def _steps(losses: pd.DataFrame) -> list[int]:
    """Numbers of steps at which both arms were measured."""
    known = losses[losses["step"].notna()]
    standard, bespoke = (set(known.loc[known["arm"].eq(arm), "step"].astype(int)) for arm in (STANDARD, BESPOKE))
    return sorted(standard & bespoke)


def _effect(
    name: str, part: str, contrast: str, step: Step, values: pd.Series, confidence: float
) -> tuple[str, str, str, Step, float, float, float, float, int]:
    low, high = t_interval(values.to_numpy(), confidence)
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return name, part, contrast, step, float(values.mean()), spread, low, high, len(values)
