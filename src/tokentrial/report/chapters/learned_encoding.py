"""Values of the chapter on learned encodings of synthetic data (workflow/report/learned_encoding.typ)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial.report.published import load
from tokentrial.report.tables.rows import Results
from tokentrial.report.template import escape

Values = dict[str, str]


def values(found: Results, config: Mapping[str, Any], published: str) -> Values:
    """Every placeholder of the chapter; found: the study's results alone; published: what its documents print."""
    return {
        **check_values(found.summary, config["seeds"]),
        **convergence_values(found.runs, found.summary),
        **markov_values(found.runs, load(published)["doc000-accuracy"].numbers("learned", "autoencoder")),
        **protocol_values(config),
    }


def check_values(summary: pd.DataFrame, planned: int) -> Values:
    """Counts of flags, over held-out losses (see statistics.tables.flag)."""
    losses = summary[summary["metric"] == "cross_entropy"]
    fair = losses[losses["condition"].str.contains("/done-right/")]
    released = losses[losses["condition"].str.contains("/as-released/")]
    gradient = fair[(fair["arm"] != "noise_walk") & (fair["flag"] == "untrained")]
    names = gradient["condition"].str.split("/", n=1).str[1] + " " + gradient["arm"]
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


def convergence_values(runs: pd.DataFrame, summary: pd.DataFrame) -> Values:
    """How many fair arms were still getting better when training ended.

    Still improving: the best validation loss of the last quarter of the steps is below that of the first three quarters
    by more than 1 % of the distance from chance to the floor, in the mean over seeds.
    """
    fair = runs[runs["condition"].str.contains("/done-right/") & runs["step"].notna() & (runs["arm"] != "noise_walk")]
    bounds = summary[summary["metric"] == "cross_entropy"].groupby("condition")[["chance", "floor"]].mean()
    improving, counted = 0, 0
    for (condition, _), curve in fair.groupby(["condition", "arm"]):
        late = curve["step"] > 0.75 * curve["step"].max()
        early_best = curve[~late].groupby("seed")["value"].min()
        gain = (early_best - curve[late].groupby("seed")["value"].min()).mean()
        chance, floor = (float(bounds[name][str(condition)]) for name in ("chance", "floor"))
        improving, counted = improving + int(gain > 0.01 * (chance - floor)), counted + 1
    return {"checks.improving": str(improving), "checks.gradient_arms": str(counted)}


def markov_values(runs: pd.DataFrame, published: Sequence[float]) -> Values:
    """Accuracy levels of the released Markov data, and how many published accuracies lie above the best possible."""
    script = runs["condition"].str.startswith("learned_encoding/as-released/corrected/")
    mine = runs[script & (runs["metric"] == "accuracy")]
    levels = mine[mine["arm"].str.startswith("reference.")].groupby("arm")["value"]
    mean = levels.mean()
    return {
        "markov.bayes": f"{mean['reference.floor']:.4f}",
        "markov.train_rule": f"{mean['reference.train_rule']:.4f}",
        "markov.constant": f"{mean['reference.unigram']:.4f}",
        "markov.chance": f"{mean['reference.chance']:.4f}",
        "markov.draws": str(mine.loc[mine["arm"] == "reference.floor", "seed"].nunique()),
        "markov.above": str(sum(value > mean["reference.floor"] for value in published)),
        "markov.published": str(len(published)),
    }


def protocol_values(config: Mapping[str, Any]) -> Values:
    study = config["learned_encoding"]
    rates = [study["training"]["done-right"]["learning_rates"]]
    rates += [ways["done-right"].get("training", {}).get("learning_rates", []) for ways in study["studies"].values()]
    return {
        "protocol.hidden": str(study["hidden"]),
        "protocol.rates": ", ".join(f"{rate:g}" for rate in sorted({rate for group in rates for rate in group})),
    }
