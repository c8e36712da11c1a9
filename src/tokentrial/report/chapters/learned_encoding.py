"""Values of the chapter on learned encodings of synthetic data (workflow/report/learned_encoding.typ)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tokentrial.published import PublishedTable
from tokentrial.report.learning_rates import rates_used, source_words
from tokentrial.report.template import escape
from tokentrial.run.finals import ACCURACY, BOUND, LOSS
from tokentrial.run.view import View
from tokentrial.statistics.convergence import FLAT, late_gain

Values = dict[str, str]


def values(view: View, config: Mapping[str, Any], printed: Mapping[str, PublishedTable]) -> Values:
    """Every placeholder of the chapter; view: the study's results alone; printed: every table of the documents."""
    return {
        **check_values(view, config["seeds"]),
        **convergence_values(view),
        **markov_values(view, printed["doc000-accuracy"].numbers("learned", "autoencoder")),
        **protocol_values(view, config),
    }


def check_values(view: View, planned: int) -> Values:
    """Counts of flags, over held-out losses (see run.statistics.flag)."""
    losses = view.summary[view.summary["metric"] == LOSS]
    fair = losses[losses["condition"].isin(view.of_way("done-right"))]
    released = losses[losses["condition"].isin(view.of_way("as-released"))]
    gradient = fair[(fair["arm"] != "noise_walk") & (fair["flag"] == "untrained")]
    conditions = [view.condition(name) for name in gradient["condition"]]
    names = [
        f"{each.experiment}/{each.way}/{each.name} {arm}" for each, arm in zip(conditions, gradient["arm"], strict=True)
    ]
    short = fair[fair["n"] < planned]
    note = f"{len(short)} fair arms have fewer than the planned {planned} seeds." if len(short) else ""
    return {
        "checks.leaked": str((fair["flag"] == "leaked").sum()),
        "checks.arms": str(len(fair)),
        "checks.untrained": str(len(gradient)),
        "checks.untrained_names": escape("; ".join(names)) or "none",
        "checks.released_untrained": str((released["flag"] == "untrained").sum()),
        "checks.released": str(len(released)),
        "checks.planned_note": f"[{note}]",
    }


def convergence_values(view: View) -> Values:
    """How many fair arms were still getting better when training ended.

    Still improving: the gain of the last quarter (statistics.convergence) is more than 1 % of the distance from chance
    to the floor, in the mean over seeds.
    """
    runs, summary = view.runs, view.summary
    trained = runs["step"].notna() & (runs["arm"] != "noise_walk")
    fair = runs[runs["condition"].isin(view.of_way("done-right")) & trained]
    bounds = summary[summary["metric"] == LOSS].groupby("condition")[["chance", "floor"]].mean()
    improving, counted = 0, 0
    for (condition, _), rows in fair.groupby(["condition", "arm"]):
        curve = rows.pivot(index="step", columns="seed", values="value").sort_index()
        gain = np.nanmean(late_gain(curve.index, curve.to_numpy()))
        chance, floor = (float(bounds[name][str(condition)]) for name in ("chance", "floor"))
        improving, counted = improving + int(gain > FLAT * (chance - floor)), counted + 1
    return {"checks.improving": str(improving), "checks.gradient_arms": str(counted)}


def markov_values(view: View, published: Sequence[float]) -> Values:
    """Accuracy levels of the released Markov data, and how many published accuracies lie above the best possible."""
    cells = [each.id for each in view.select(experiment="corrected", way="as-released")]
    rows = view.runs[view.runs["condition"].isin(cells) & (view.runs["metric"] == ACCURACY)]
    mean = rows[rows["arm"].str.startswith(BOUND)].groupby("arm")["value"].mean()
    return {
        "markov.bayes": f"{mean[BOUND + 'floor']:.4f}",
        "markov.train_rule": f"{mean[BOUND + 'train_rule']:.4f}",
        "markov.constant": f"{mean[BOUND + 'unigram']:.4f}",
        "markov.chance": f"{mean[BOUND + 'chance']:.4f}",
        "markov.draws": str(rows.loc[rows["arm"] == f"{BOUND}floor", "seed"].nunique()),
        "markov.above": str(sum(value > mean[f"{BOUND}floor"] for value in published)),
        "markov.published": str(len(published)),
    }


def protocol_values(view: View, config: Mapping[str, Any]) -> Values:
    return {
        "protocol.hidden": str(config["learned_encoding"]["hidden"]),
        "protocol.rates": rates_used(view),
        "protocol.rate_source": escape(source_words(view)),
    }
