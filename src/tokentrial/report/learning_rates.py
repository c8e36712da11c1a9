"""At which learning rates the fair arms were trained, by the rows of a run."""

import numpy as np

from tokentrial.report.template import escape
from tokentrial.run.view import View

RATE = "learning_rate"
SEARCH = "search"


def rates_used(view: View) -> str:
    """Returns the rates at which the models of the fair arms were trained, by experiment, as Typst text.

    An experiment whose arms all have one rate is named with it; else every arm is named with the rates of its models.
    """
    rows = view.runs[(view.runs["metric"] == RATE) & view.runs["condition"].isin(view.of_way("done-right"))]
    rows = rows[rows["value"].notna()]
    by_experiment: dict[str, dict[str, set[float]]] = {}
    for condition, arm, value in rows[["condition", "arm", "value"]].drop_duplicates().itertuples(index=False):
        described = view.condition(condition)
        if view.method(described.study, arm).role != "as released":  # their updates are no gradient steps
            arms = by_experiment.setdefault(described.short, {})
            arms.setdefault(view.arm_name(described.study, arm), set()).add(float(f"{value:.6g}"))
    return escape("; ".join(f"{name}: {_of_experiment(arms)}" for name, arms in by_experiment.items()) or "none")


def _of_experiment(arms: dict[str, set[float]]) -> str:
    """``0.03``, ``0.01 and 0.04 (every arm)``, or ``0.01 and 0.04 (learned, PCA), 0.04 (full table)``."""
    by_rates: dict[tuple[float, ...], list[str]] = {}
    for name, rates in arms.items():
        by_rates.setdefault(tuple(sorted(rates)), []).append(_without_comma(name))
    if len(by_rates) == 1:
        [only] = by_rates
        return _listed(only) if len(only) == 1 else f"{_listed(only)} (every arm)"
    return ", ".join(f"{_listed(rates)} ({', '.join(names)})" for rates, names in sorted(by_rates.items()))


def _without_comma(name: str) -> str:
    """``bespoke [scaling]`` for ``bespoke, scaling``, since commas are between names."""
    first, comma, rest = name.partition(", ")
    return f"{first} [{rest}]" if comma else name


def _listed(rates: tuple[float, ...]) -> str:
    if len(rates) > 3:
        return f"{rates[0]:g} to {rates[-1]:g}"
    return " and ".join(f"{rate:g}" for rate in rates)


def source_words(view: View) -> str:
    """Returns the sentence that says how many fair arms train at a searched rate; untrained codes have none."""
    fair = view.arms[view.arms["condition"].isin(view.of_way("done-right"))]
    roles = [view.method(study, arm).role for study, arm in zip(fair["study"], fair["arm"], strict=True)]
    trained = fair[(np.array(roles) != "as released") & (fair["steps"] != 0)]
    sources = trained.reindex(columns=["rate_source"])["rate_source"]  # a run without arms has no such column
    searched = int((sources == SEARCH).sum())
    if searched == len(trained) and searched:
        return f"All {searched} fair arms train at a rate that a search chose on other seeds (studies/rates.json)."
    tries = "tries the rates of its experiment, and each seed keeps the best on validation data."
    if not searched:
        return f"No rate was searched: every arm {tries}"
    return f"{searched} of {len(trained)} fair arms train at a searched rate (studies/rates.json); every other {tries}"
