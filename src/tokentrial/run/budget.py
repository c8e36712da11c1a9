"""What an arm was trained on: the one definition of a training budget, and of equal training of two arms.

A budget is the optimiser steps on text, and the tokens of text, of every stage that the deployed numbers went through,
of one seed at its learning rate: the training of the table or model from which an arm starts counts for that arm too.
The steps of a reconstruction do not, since they see no text. The seconds beside it are those of a clock, of all seeds
and all of the job's work, reconstruction and measurements included.
"""

from dataclasses import dataclass

import numpy as np

from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.convergence import FLAT, late_gain

FULL = "full"
STARTING_FROM_FULL = frozenset(
    {
        *("autoencoder", "autoencoder_relu", "autoencoder_deep", "autoencoder_variational", "autoencoder_finetuned"),
        *("pca", "svd", "svd_weighted", "int8", "int4", "pq_16", "pq_8"),
    }
)
"""Methods whose arms, as described and done right, start from the full arm's training: for rows of an earlier version,
which do not say so (results.ARMS, starts_from)."""
STEPS, BOTH_FLAT = "equal steps", "both flat"


@dataclass(frozen=True)
class Budget:
    """steps: optimiser steps on text of all stages; last: those of the last stage alone; tokens: of text, None where
    the rows do not say; seconds: of all stages; start: the arm that made what this arm starts from, None without one.
    """

    steps: int
    last: int
    tokens: int | None
    seconds: float
    start: str | None


def budget(view: View, condition: str, arm: str) -> Budget | None:
    """Returns an arm's budget; None if its steps, or those of the arm that it starts from, were not counted."""
    row = view.cost(condition, arm)
    if row.get("steps") is None:
        return None
    start, before, tokens = row.get("starts_from"), row.get("steps_before"), row.get("tokens_seen")
    if before is None:
        start = _earlier_start(view, condition, arm)
        before = 0 if start is None else view.cost(condition, start).get("steps")
    if before is None:
        return None
    seconds = float(row.get("wall_seconds") or 0.0)
    seconds += 0.0 if start is None else float(view.cost(condition, start).get("wall_seconds") or 0.0)
    last = int(row["steps"])
    return Budget(last + int(before), last, None if tokens is None else int(tokens), seconds, start)


def _earlier_start(view: View, condition: str, arm: str) -> str | None:
    described = view.condition(condition)
    known = view.method(described.study, arm).method in STARTING_FROM_FULL
    return FULL if known and described.way != "as-released" else None


def flat(view: View, condition: str, arm: str) -> bool | None:
    """Whether an arm, and the arm that it starts from, gained less than FLAT over the last quarter of its steps.

    None if there is no curve or no chance level to say so.
    """
    spent = budget(view, condition, arm)
    stages = [*([arm] if spent is None or spent.last else []), *([spent.start] if spent and spent.start else [])]
    judged = [_flat_stage(view, condition, stage) for stage in stages]
    return None if not judged or None in judged else all(judged)


def _flat_stage(view: View, condition: str, arm: str) -> bool | None:
    curve, bounds = view.curve(condition, arm), view.level(condition, arm, LOSS)
    if curve.empty or bounds.get("chance") is None:
        return None
    try:
        gain = float(np.nanmean(late_gain(curve.index, curve.to_numpy())))
    except ValueError:
        return None
    best = float(curve.min().mean()) if bounds.get("floor") is None else float(bounds["floor"])
    return bool(gain < FLAT * (float(bounds["chance"]) - best))


def equal_training(view: View, condition: str, arm: str, other: str) -> str:
    """Returns why two arms are equally trained: equal steps on text, or both have gone flat; else an empty text."""
    budgets = [budget(view, condition, each) for each in (arm, other)]
    if None not in budgets and len({each.steps for each in budgets if each is not None}) == 1:
        return STEPS
    return BOTH_FLAT if flat(view, condition, arm) and flat(view, condition, other) else ""
