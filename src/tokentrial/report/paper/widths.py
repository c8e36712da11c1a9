"""Section on widths by frequency (workflow/report/paper/widths.typ)."""

import pandas as pd

from tokentrial.report.bespoke_bands import FREQUENT, RARE, differences
from tokentrial.report.bespoke_results import (
    BESPOKE,
    CENTRAL,
    CONTROLS,
    RATIO,
    STUDY,
    TESTS,
    arms_of,
    attributions,
    contrasts,
    released,
    spread,
    subjects,
)
from tokentrial.report.comparisons import comparison
from tokentrial.report.paper.context import COUNTED, Paper, Values, interval, listed, plain, spanning, table

CLAIMS = {
    "initial": "BT3-ROW-EMP-Initial",
    "scaling-1k": "BT3-ROW-EMP-Scaling-1K",
    "scaling-5k": "BT3-ROW-EMP-Scaling-5K",
    "scaling-20k": "BT3-ROW-EMP-Scaling-20K",
    "scaling-50k": "BT3-ROW-EMP-Scaling-50K",
    "optimized": "BT3-ROW-EMP-Optimized",
    "ultra": "BT3-ROW-EMP-Ultra",
}
"""Test -> the claim about its ratio."""
LARGEST = "scaling-20k"
PARTS = {"metric": "the metric", "extra linear layer": "the linear layer", "width by frequency": "the widths"}
"""Part of the decomposition -> its name for readers."""


def values(paper: Paper) -> Values:
    """Every placeholder of the section."""
    return {
        "widths.lead": lead(paper),
        "widths.table": ratios(paper),
        "widths.seeds": seeds(paper),
        "widths.attribution": attribution(paper),
        "widths.fair": fair(paper),
        "widths.bands": bands(paper),
    }


def lead(paper: Paper) -> str:
    row = paper.printed["bespoke-tests"].rows[LARGEST]
    measured = spread(paper.of(STUDY).series(released(paper.of(STUDY), TESTS[LARGEST]), BESPOKE, RATIO))
    text = (
        "The study of bespoke dimensions @bespoke prints seven ratios of a bespoke loss over a uniform one, each "
        "from one run of a few steps; the smallest, "
        f"#said[{row['ratio']}], is its _24 times better_. "
    )
    if measured is None:
        return text + "This run does not include the released scripts."
    at = f"{COUNTED}: central 95 % of {RATIO} of {released(paper.of(STUDY), TESTS[LARGEST])}"
    low, high = (paper.number(end, at, 3) for end in (measured.low, measured.high))
    return text + (
        f"Over {paper.count(measured.n, 'seeds of the released scaling script')} seeds of the released script the "
        f"ratio lies between {low} and {high} in "
        f"the central {CENTRAL}. In the fair design, @ratios, it is {paper.claim(CLAIMS[LARGEST], 'ratio')} "
        + interval(*(paper.claim(CLAIMS[LARGEST], f"ratio_{end}") for end in ("low", "high")))
        + "."
    )


def seeds(paper: Paper) -> str:
    """The released ratio where its models were not trained."""
    view = paper.of(STUDY)
    name = released(view, TESTS[LARGEST], fresh=True)
    measured = spread(view.series(name, BESPOKE, RATIO)) if name else None
    if measured is None:
        return ""
    at = f"{COUNTED}: median and central {CENTRAL} of {RATIO} of {name}"
    median, low, high = (paper.number(x, at, 2) for x in (measured.median, measured.low, measured.high))
    return (
        "The released script reports the losses of its last training batch. On fresh text, the losses of the same "
        f"models have a ratio of {median} in the median (central {CENTRAL}: {interval(low, high)}). "
        "@figure-bespoke-seeds shows both for every row of the table."
    )


def ratios(paper: Paper) -> str:
    view, rows = paper.of(STUDY), []
    for test, claim in CLAIMS.items():
        printed = paper.printed["bespoke-tests"].rows[test]
        measured = spread(view.series(released(view, TESTS[test]), BESPOKE, RATIO))
        numbers = paper.recomputed(claim)
        if not numbers:
            continue
        at = f"{COUNTED}: median and central 95 % of {RATIO} of {released(view, TESTS[test])}"
        seeds = ["–", "", ""]
        if measured is not None:
            median, low, high = (paper.number(x, at, 3) for x in (measured.median, measured.low, measured.high))
            seeds = [median, interval(low, high), f"{measured.n}"]
        fair = [paper.claim(claim, key) for key in ("ratio", "ratio_low", "ratio_high")]
        budget = comparison(view, _budget(paper, numbers))
        rows.append(
            [
                plain(printed["label"]),
                f"#said[{printed['ratio']}]",
                *seeds,
                fair[0],
                interval(*fair[1:]),
                *paper.parts(budget),
                paper.verdict(claim),
            ]
        )
    if not rows:
        return "This run has no fair comparison of these layouts."
    caption = (
        "The seven ratios of document 003, of a bespoke loss over a uniform one; below one, bespoke is better. As "
        f"released: median, central {CENTRAL} and number of seeds. "
        f"Fair: with {paper.confidence} intervals over seeds. Equal parameters: bespoke minus uniform "
        "widths with as many parameters, nats per token. Claim: the verdict on the printed ratio."
    )
    spans = (spanning("Fair design"), spanning("− equal parameters"))
    header = ["Test", "Printed", spanning("As released"), "_n_", *spans, "Claim"]
    columns = "(1fr, auto, auto, auto, auto, auto, auto, auto, auto, auto)"
    align = "(left, " + "right, " * 8 + "left)"
    return table(columns, header, rows, caption, "ratios", align)


def _budget(paper: Paper, numbers: dict[str, object]) -> str:
    """The id of the comparison with the uniform table of as many parameters."""
    shown = str(numbers.get("shown", ""))
    head, _, arms = shown.rpartition(":")
    own = arms.removesuffix("-standard")
    return f"{head}:{own}-budget-{own.removeprefix('bespoke-')}"


def attribution(paper: Paper) -> str:
    view = paper.of(STUDY)
    found = dict(attributions(view))
    tokens = next(
        (size for size in found if size == int(TESTS[LARGEST].cell.removeprefix("corpus-"))), max(found, default=None)
    )
    if tokens is None:
        return "This run has no released script with the arms that a decomposition needs."
    rows = found[tokens]

    def factor(name: str, part: str) -> str:
        row = rows[(rows["factor"] == name) & (rows["part"] == part)].iloc[0]
        at = f"{COUNTED}: decomposition at {tokens} tokens, {name}, {part}"
        value, low, high = (
            paper.number(2.718281828459045 ** float(row[key]), at, 2) for key in ("effect", "low", "high")
        )
        return f"{value} {interval(low, high)}"

    size = paper.number(tokens, f"{COUNTED}: tokens of the released script that is taken apart", 0)
    nearest = min(PARTS, key=lambda name: abs(_effect(rows, name)))
    return (
        f"At {size} tokens the reported ratio is {factor('reported ratio', 'total')} in the geometric mean over "
        f"seeds. A factor of {factor('metric', 'sum')} comes from reporting "
        f"the loss of the last training batch, {factor('extra linear layer', 'sum')} from a trained linear layer "
        f"that only the bespoke table has, and {factor('width by frequency', 'sum')} "
        f"from the widths themselves; of the three parts, that of {PARTS[nearest]} is nearest to one "
        "(@figure-bespoke-attribution). A higher learning rate alone multiplies the uniform table's loss by "
        f"{factor('learning rate', 'instead')}."
    )


def _effect(rows: pd.DataFrame, name: str) -> float:
    return float(rows[(rows["factor"] == name) & (rows["part"] == "sum")].iloc[0]["effect"])


def fair(paper: Paper) -> str:
    """Better, worse and equivalent against each control, on held-out loss done right."""
    view, rows, outcome = paper.of(STUDY), [], {}
    for control, words in CONTROLS.items():
        found = contrasts(view, [control])
        if len(found):
            significant = found["p_holm"].astype(float) < view.alpha
            sizes = {
                "better": int((significant & (found["difference"] < 0)).sum()),
                "worse": int((significant & (found["difference"] > 0)).sum()),
                "equivalent": int(found["equivalent"].sum()),
                "all": len(found),
            }
            outcome[control] = sizes
            shown = [
                paper.number(size, f"{COUNTED}: fair comparisons with {words}, {name}", 0)
                for name, size in sizes.items()
            ]
            ends = [
                paper.number(found["difference"].agg(end), f"{COUNTED}: {end} difference from {words}", 3, signed=True)
                for end in ("min", "max")
            ]
            rows.append([plain(words), *shown, " to ".join(ends)])
    if not rows:
        return "This run has no fair comparison."
    caption = (
        "Bespoke tables on held-out loss in the fair design: comparisons in which they are significantly better, "
        "significantly worse (after Holm's correction), and equivalent; a comparison can be significant and "
        "equivalent. A comparison is one of the document's layouts on one of its corpora. "
        "Last: range of the differences, nats per token."
    )
    counts = table(
        "(1fr, auto, auto, auto, auto, auto)",
        ["Compared with", "Better", "Worse", "Equivalent", "Of", "Bespoke minus it"],
        rows,
        caption,
        "controls",
        "(left, " + "right, " * 5 + ")",
    )
    return (
        "If frequency were what matters, the bespoke tables would have to beat the last three controls of "
        "@controls, which have the same number of parameters, and not only the uniform table. "
        f"{beaten(paper, outcome)}\n\n{counts}"
    )


def beaten(paper: Paper, outcome: dict[str, dict[str, int]]) -> str:
    """What became of the controls with as many parameters."""
    words = {
        "budget": "uniform widths",
        "permuted": "the same widths for random tokens",
        "reversed": "the wide vectors for rare tokens",
    }
    known = {name: outcome[name] for name in words if name in outcome}
    said = [
        f"better than {words[name]} in {paper.count(sizes['better'], f'better than {name}')} and worse in "
        f"{paper.count(sizes['worse'], f'worse than {name}')} of {paper.count(sizes['all'], f'compared with {name}')}"
        for name, sizes in known.items()
    ]
    if not said:
        return ""
    text = f"They are {listed(said)}."
    uniform = known.get("budget")
    if uniform and not uniform["better"]:
        text += " So no layout gains anything over equal widths at its size" + (
            "; only against wide vectors for rare tokens is frequency the better choice more often than not."
            if 2 * known.get("reversed", uniform)["better"] > uniform["all"]
            else "."
        )
    return text


def bands(paper: Paper) -> str:
    view = paper.of(STUDY)
    tally: dict[str, list[tuple[float, float]]] = {}
    for condition in view.select(way="done-right"):
        for arm in subjects(arms_of(view, condition)):
            for one in differences(view, condition, arm):
                tally.setdefault(one.metric, []).append((one.low, one.high))
    if RARE not in tally or FREQUENT not in tally:
        return "This run has no losses by frequency band."

    def outcome(metric: str, words: str) -> str:
        lower, higher = sum(high < 0 for _, high in tally[metric]), sum(low > 0 for low, _ in tally[metric])
        what = f"comparisons with the uniform table, loss from {words} tokens"
        return (
            f"worse in {paper.count(higher, what + ', higher')} and better in "
            f"{paper.count(lower, what + ', lower')} of {paper.count(len(tally[metric]), what)} comparisons"
        )

    return (
        "Compared with the uniform table, predictions from frequent tokens, which have the wide vectors, are "
        f"{outcome(FREQUENT, 'frequent')}; those from rare tokens are {outcome(RARE, 'rare')} (paired "
        f"{paper.confidence} intervals, "
        "not corrected). All these tables are trained from the start"
        + ("; @realmodel encodes one that was trained with equal widths." if len(paper.of("real_model").arms) else ".")
    )
