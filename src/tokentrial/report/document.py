"""The report: values for the template's placeholders, computed from the result tables, and the PDF."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import typst
import yaml

from tokentrial import config as settings
from tokentrial import results
from tokentrial.provenance import digest
from tokentrial.report.catalogue import FIGURES, TABLES
from tokentrial.report.deviations import assumptions
from tokentrial.report.published import load
from tokentrial.report.template import fill

Values = dict[str, str]
CLASH = {"power": ("power_table", "power_figure")}  # a table and a figure of one name


# Digests of the shipped configs (config.canonical), so that an edited config.yaml is not taken for the default one.
SHIPPED = {
    "b8b1e88727e3": ("the default run", "Every experiment at the scale that two cores finish in minutes."),
    "8660e3aa3b07": (
        "a smoke run",
        "*It shows that the pipeline works; its seeds and steps are too few to conclude from.*",
    ),
    "d63f7388da99": ("the full run", "All seeds, data and steps of the paper config."),
}
OWN = ("a run with its own config", "It is none of the shipped configs; its settings are printed at the end.")


def scale_name(config: Mapping[str, Any]) -> tuple[str, str]:
    """Which shipped config this is, and what a reader must know about it."""
    return SHIPPED.get(digest(settings.canonical(config)), OWN)


def scale_values(config: Mapping[str, Any], arms: pd.DataFrame, summary: pd.DataFrame) -> Values:
    """The first page's box."""
    name, note = scale_name(config)
    trained = arms[~arms["condition"].str.contains("/as-released/")]
    fair = trained[trained["condition"].str.contains("/done-right/")]
    described = trained[trained["condition"].str.contains("/as-described/")]
    found = summary.loc[summary["condition"].isin(trained["condition"]), "n"]
    return {
        "scale.name": name,
        "scale.note": note,
        "scale.seeds": str(config["seeds"]),
        "scale.seeds_found": spread(found),
        "scale.master_seed": str(config["seed"]),
        "scale.steps": spread(fair["steps"]),
        "scale.steps_described": spread(described["steps"]),
        "scale.conditions": str(trained["condition"].nunique()),
        "scale.scripts": str(len(config["learned_encoding"]["scripts"])),
        "scale.models": f"{int(arms['seeds'].sum()):,}",
        "scale.device": escape("; ".join(sorted(arms["device"].unique()))),
        "scale.minutes": f"{arms['wall_seconds'].sum() / 60:.0f}",
        "scale.memory": f"{arms['peak_memory_mib'].max():.0f}",
        "scale.commit": ", ".join(sorted(arms["git_commit"].unique())),
        "scale.versions": escape("; ".join(sorted(arms["versions"].unique()))),
        "scale.config_hash": digest(settings.canonical(config)),
    }


def spread(values: pd.Series) -> str:
    """``10``, or ``3 to 10`` where values differ."""
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


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
    study, statistics = config["learned_encoding"], config["statistics"]
    rates = [study["training"]["done-right"]["learning_rates"]]
    rates += [ways["done-right"].get("training", {}).get("learning_rates", []) for ways in study["studies"].values()]
    return {
        "protocol.hidden": str(study["hidden"]),
        "protocol.rates": ", ".join(f"{rate:g}" for rate in sorted({rate for group in rates for rate in group})),
        "stats.confidence": f"{100 * statistics['confidence']:g}",
        "stats.tost_confidence": f"{100 * (2 * statistics['confidence'] - 1):g}",
        "stats.margin": f"{100 * statistics['equivalence_margin']:g}",
        "stats.resamples": f"{statistics['resamples']:,}",
    }


def title_values() -> Values:
    """Captions are the catalogue's titles; the headline table has its own in the template."""
    values = {}
    for position, catalogue in enumerate((TABLES, FIGURES)):
        for name, title in catalogue.items():
            if name != "headline":
                key = CLASH[name][position] if name in CLASH else name.replace("-", "_")
                values[f"title.{key}"] = escape(title)
    return values


def escape(text: str) -> str:
    """Text that Typst shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\#$*_`<>@[]~" else letter for letter in text)


def deviations_list(config: Path) -> str:
    """The guesses as a Typst list."""
    return "\n".join(f'- #raw("{where}"): {escape(text)}' for where, text in assumptions(config))


def write_report(
    tables: Mapping[str, str], template: str, published: str, config: Mapping[str, Any], output: str
) -> None:
    """Fill the template and compile the PDF beside the run's tables and figures.

    tables: results.{runs,arms,summary}.parquet by name; published: document 000's accuracies; output: the PDF, in the
    folder that holds ``tables`` and ``figures``. Raises TemplateError on an unresolved or unused placeholder.
    """
    runs = results.read(tables["runs"], results.RUNS).to_pandas()
    arms = results.read(tables["arms"], results.ARMS).to_pandas()
    summary = results.read(tables["summary"], results.SUMMARY).to_pandas()
    statistics = results.read(tables["statistics"], results.STATISTICS)
    values = {
        **scale_values(config, arms, summary),
        "scale.comparisons": f"{statistics.num_rows:,}",
        **check_values(summary, config["seeds"]),
        **convergence_values(runs, summary),
        **markov_values(runs, load(published)["doc000-accuracy"].numbers("learned", "autoencoder")),
        **protocol_values(config),
        **title_values(),
        "deviations": deviations_list(Path("config/config.yaml")),
    }
    folder = Path(output).parent
    source = folder / "report.typ"
    source.write_text(fill(Path(template).read_text(), values))
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False, width=140))
    # tags for the long tables would make up five sixths of the file; they are there as CSV and Markdown too
    compiled = typst.compile(str(source), root=str(folder), pdf_tags=False)
    with results.whole_file(output) as file:
        file.write(compiled)
