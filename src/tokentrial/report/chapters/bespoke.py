"""Values of the chapter on the bespoke study (workflow/report/bespoke.typ): its findings, in sentences with numbers."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tokentrial.published import PublishedTable, number
from tokentrial.report.bespoke_bands import FREQUENT, RARE, Difference, differences
from tokentrial.report.bespoke_results import (
    BESPOKE,
    RATIO,
    SCORED,
    SIZE,
    STUDY,
    TESTS,
    agrees,
    arms_of,
    attributions,
    released,
    spread,
    subjects,
)
from tokentrial.report.bespoke_trends import fair_trends
from tokentrial.report.chapters.learned_encoding import convergence_values
from tokentrial.report.formats import number as text_of
from tokentrial.report.learning_rates import rates_used, source_words
from tokentrial.report.template import escape
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.placement import place

Values = dict[str, str]
Printed = Mapping[str, PublishedTable]
CONTROLS = {
    "standard": "the uniform table",
    "projected": "the uniform table with one projection",
    "budget": "uniform widths at the same budget",
    "permuted": "the same widths for random tokens",
    "reversed": "wide vectors for rare tokens",
}
INDEPENDENT = "zipf_iid"
HIGHLIGHT = "scaling-20k"


def values(view: View, config: Mapping[str, Any], printed: Printed) -> Values:
    """Every placeholder of the chapter; view: the study's results alone; printed: every table of the documents."""
    sentences: dict[str, Callable[[], str]] = {
        "placement": lambda: placement(view, printed),
        "counts": lambda: counts(view, printed),
        "scores": lambda: scores(printed),
        "attribution": lambda: attribution(view),
        "fair": lambda: " ".join(fair(view)) or "This run has no fair comparison.",
        "independent": lambda: independent(view),
        "bands": lambda: bands(view),
        "trend": lambda: trend(view),
        "convergence": lambda: convergence(view),
        "language_models": lambda: language_models(config, view.corpus),
    }
    findings = {f"finding.{name}": escape(sentence()) for name, sentence in sentences.items()}
    return findings | protocol(view, config, printed) | {"corpus.title": escape(view.corpus)}


def placement(view: View, printed: Printed) -> str:
    """Where every published ratio lies among the seeds of its script."""
    parts, inside = [], 0
    for key, row in printed["bespoke-tests"].rows.items():
        ratios = view.series(released(view, TESTS[key]), BESPOKE, RATIO)
        measured = spread(ratios)
        if measured is None:
            continue
        value = number(row["ratio"])
        inside += measured.low <= value <= measured.high
        at = place(value, ratios.to_numpy())
        parts.append(
            f"{row['label']} {row['ratio']} at {at.percentile:.1f} % of {at.n:,} seeds (median {measured.median:.3f}, "
            f"{measured.low:.3f} to {measured.high:.3f})"
        )
    if not parts:
        return "This run has no released script."
    return (
        f"{inside} of {len(parts)} published ratios lie within the central 95 % of the seeds of their script. "
        f"Published ratio and its percentile: {'; '.join(parts)}."
    )


def counts(view: View, printed: Printed) -> str:
    """Whether the printed parameter counts are what the released layouts have."""
    parts = []
    for key, row in printed["bespoke-efficiency"].rows.items():
        ratios = view.series(released(view, TESTS[key]), BESPOKE, SIZE)
        if len(ratios):
            exact = np.isclose(ratios, number(row["bespoke"]) / number(row["standard"]), rtol=1e-9)
            parts.append(f"{row['label']} {row['bespoke']} in {int(exact.sum()):,} of {len(ratios):,} seeds")
    if not parts:
        return "This run has no released script whose parameters could be counted."
    return f"The released layouts have the printed number of parameters: {'; '.join(parts)}."


def scores(printed: Printed) -> str:
    """What the document's intervals are."""
    same = [printed["bespoke-scores"].rows[name]["label"] for name in SCORED if agrees(printed, name)]
    return (
        f"{len(same)} of {len(SCORED)} of its 95 % confidence intervals ({', '.join(same).lower() or 'none'}) are the "
        "mean, the minimum and the maximum of chosen rows, one run each; no test and no standard deviation is computed "
        "in its code."
    )


def attribution(view: View) -> str:
    """The decomposition in words, for every corpus that has it."""
    sentences = []
    for tokens, rows in attributions(view):
        effects = rows.assign(**{name: np.exp(rows[name].astype(float)) for name in ("effect", "low", "high")})

        def factor(name: str, part: str, effects: pd.DataFrame = effects) -> str:
            row = effects[(effects["factor"] == name) & (effects["part"] == part)].iloc[0]
            return f"{row['effect']:.3f} ({row['low']:.3f} to {row['high']:.3f})"

        late = effects[effects["part"] == "steps"]
        last = ""
        if len(late):
            row = late.iloc[-1]
            last = (
                f" After {row['step']:,} steps the ratio on fresh text is {row['effect']:.1f} times ({row['low']:.1f} "
                f"to {row['high']:.1f}) that at the reported number of steps."
            )
        sentences.append(
            f"At {tokens:,} tokens the reported ratio is {factor('reported ratio', 'total')} in the geometric mean of "
            f"{rows['n'].iloc[0]:,} seeds. Of that, a factor of {factor('metric', 'sum')} comes from reporting the "
            f"last training batch, {factor('extra linear layer', 'sum')} from a trained linear layer behind the table, "
            f"which a uniform table can have too, and {factor('width by frequency', 'sum')} from widths by frequency. "
            "Without any of it, a higher learning rate multiplies the standard arm's loss by "
            f"{factor('learning rate', 'instead')}. With its maps kept as drawn, bespoke's loss is "
            f"{factor('maps kept as drawn', 'removed')} times its own.{last}"
        )
    return " ".join(sentences) or "This run has no released script with the arms that a decomposition needs."


def fair(view: View) -> Iterator[str]:
    """Better, worse and equivalent against each control, on held-out loss done right."""
    for control, words in CONTROLS.items():
        rows = contrasts(view, [control])
        if len(rows):
            significant = rows["p_holm"].astype(float) < view.alpha
            better = int((significant & (rows["difference"] < 0)).sum())
            worse = int((significant & (rows["difference"] > 0)).sum())
            yield (
                f"Against {words}, bespoke widths are better in {better}, worse in {worse} and equivalent in "
                f"{int(rows['equivalent'].sum())} of {len(rows)} comparisons, by {signed(rows['difference'].min())} to "
                f"{signed(rows['difference'].max())} nats."
            )


def contrasts(view: View, methods: Collection[str], **columns: str) -> pd.DataFrame:
    """Comparisons done right on held-out loss with an arm of these methods, of conditions with these columns."""
    conditions = [each.id for each in view.select(way="done-right", **columns)]
    rows = view.statistics
    rows = rows[(rows["metric"] == LOSS) & rows["condition"].isin(conditions)]
    return rows[[view.method(STUDY, arm).method in methods for arm in rows["arm_b"]]]


def signed(value: float) -> str:
    return text_of(float(value), 3, signed=True)


def independent(view: View) -> str:
    """The negative control: equivalence, and no loss below the entropy."""
    conditions = [each.id for each in view.select(way="done-right", source=INDEPENDENT)]
    rows = contrasts(view, CONTROLS, source=INDEPENDENT)
    if rows.empty:
        return "This run has no condition with independent tokens."
    levels = view.summary[(view.summary["metric"] == LOSS) & view.summary["condition"].isin(conditions)]
    below, leaked = int((levels["mean"] < levels["floor"]).sum()), int((levels["flag"] == "leaked").sum())
    share = f"{int(rows['equivalent'].sum())} of {len(rows)}"
    low, high = signed(rows["difference"].min()), signed(rows["difference"].max())
    return (
        f"On independent tokens, where nothing can be learned beyond the unigram law, {share} comparisons of bespoke "
        f"widths with a control are equivalent (differences from {low} to {high} nats, mean "
        f"margin {text_of(float(rows['margin'].mean()), 3)}), {below} of {len(levels)} arms have a mean held-out loss "
        f"below the entropy, and {leaked} are significantly below the true source's own loss on the same text."
    )


def bands(view: View) -> str:
    """Do rare tokens pay, do frequent ones gain."""
    tally: dict[str, list[Difference]] = {}
    for condition in view.select(way="done-right"):
        for arm in subjects(arms_of(view, condition)):
            for one in differences(view, condition, arm):
                tally.setdefault(one.metric, []).append(one)
    if FREQUENT not in tally:
        return "This run has no losses by frequency band."

    def outcome(metric: str) -> str:
        lower = sum(one.high < 0 for one in tally[metric])
        higher = sum(one.low > 0 for one in tally[metric])
        return f"lower in {lower} and higher in {higher} of {len(tally[metric])} conditions"

    return (
        f"Predictions made from frequent tokens, which have the wide vectors, have a loss significantly "
        f"{outcome(FREQUENT)} than with the uniform table; those from rare tokens, which have the narrow "
        f"ones, {outcome(RARE)} (paired {100 * view.confidence:g} % intervals, uncorrected)."
    )


def trend(view: View) -> str:
    """The claim about corpus size, against the standard arm and the others."""
    parts = []
    for one in fair_trends(view):
        slope, ends = one.trend, [one.at(float(tokens))[0] for tokens in one.values.columns[[0, -1]]]
        interval = "" if slope.low is None or slope.high is None else f" ({signed(slope.low)} to {signed(slope.high)})"
        parts.append(
            f"minus {CONTROLS.get(one.other.method, one.other.arm)} {signed(slope.slope)}{interval} nats per doubling, "
            f"from {signed(ends[0])} to {signed(ends[1])}: {one.claim}"
        )
    if not parts:
        return "This run has no corpora of different sizes."
    return f"Slope of the held-out difference over the corpora, bespoke {'; '.join(parts)}."


def convergence(view: View) -> str:
    """How many fair arms were still getting better when training ended."""
    try:
        curves = convergence_values(view)
    except KeyError:
        return "This run has no training curves."
    return (
        f"{curves['checks.improving']} of {curves['checks.gradient_arms']} fair arms still gained more than 1 % of the "
        "distance from chance to the floor in the last quarter of their steps."
    )


def language_models(config: Mapping[str, Any], corpus: str) -> str:
    if BESPOKE in config["language_models"]["experiments"]:
        return (
            f"Real text is the third source: the same layouts and controls in a language model on {corpus} are the "
            f"experiment bespoke of the chapter on {corpus}, with the tables of its other language models."
        )
    return "This run has no language models with bespoke widths on real text."


def protocol(view: View, config: Mapping[str, Any], printed: Printed) -> Values:
    """Rates, steps and seeds, and the claim."""
    sizes = [options["seeds"] for options in config[BESPOKE]["scripts"].values()]
    fresh = len(view.series(released(view, TESTS[HIGHLIGHT], fresh=True), BESPOKE, RATIO))
    steps = [int(view.cost(released(view, test), BESPOKE).get("steps") or 0) for test in TESTS.values()]
    steps = [count for count in steps if count]
    return {
        "protocol.claim": printed["bespoke-primary"].rows[HIGHLIGHT]["claim"].removesuffix("x better"),
        "protocol.released_steps": f"{min(steps):,} to {max(steps):,}" if steps else "a few",
        "protocol.hidden": str(config[BESPOKE]["hidden"]),
        "protocol.rates": rates_used(view),
        "protocol.rate_source": escape(source_words(view)),
        "protocol.seeds": f"{config['seeds']:,}",
        "protocol.released_seeds": f"{min(sizes):,} to {max(sizes):,}" if sizes else "no",
        "protocol.fresh": f"{fresh:,}",
    }
