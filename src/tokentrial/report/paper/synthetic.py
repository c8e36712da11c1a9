"""Section on learned encodings and autoencoders of synthetic sources (workflow/report/paper/synthetic.typ)."""

from scipy import stats

from tokentrial.report.paper.context import COUNTED, Paper, Values, interval, listed, spanning, table
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS
from tokentrial.run.view import Row

STUDY = "learned_encoding"
LEARNED, FROZEN, TUNED = "learned", "autoencoder", "autoencoder_finetuned"
BASELINES = {FROZEN: "frozen", TUNED: "fine-tuned", "random_frozen": "random, frozen", "full": "full table"}
EXPERIMENTS = ("compression", "vocabulary")
SOURCES = {"data": "the data alone", "weights": "the initial weights alone", "order": "the order of batches alone"}


def values(paper: Paper) -> Values:
    """Every placeholder of the section."""
    return {
        "synthetic.lead": lead(paper),
        "synthetic.table": differences(paper),
        "synthetic.found": found(paper),
        "synthetic.variance": variance(paper),
        "synthetic.released": released(paper),
    }


def conditions(paper: Paper) -> list[Condition]:
    """The fair conditions of document 001 with both baselines."""
    view = paper.of(STUDY)
    every = [each for name in EXPERIMENTS for each in view.select(experiment=name, way="done-right")]
    return [each for each in every if {LEARNED, FROZEN, TUNED} <= set(view.arms_of(each.id))]


def solved(paper: Paper, condition: Condition) -> bool:
    """Whether the learned and the frozen arm are within the margin of the best possible loss."""
    view = paper.of(STUDY)
    levels = [view.level(condition.id, arm) for arm in (LEARNED, FROZEN)]
    margin = view.pair(condition.id, LEARNED, FROZEN).get("margin")
    return margin is not None and all(level and level["mean"] - level["floor"] <= margin for level in levels)


def lead(paper: Paper) -> str:
    view = paper.of(STUDY)
    fair = view.select(way="done-right")
    arms = sum(len(view.arms_of(each.id)) for each in fair)
    experiments = paper.amount(len({each.experiment for each in fair}), "experiment")
    return (
        "The first three documents test their proposal on sequences that they generate. Our fair design repeats "
        f"{experiments} "
        f"with {paper.count(arms, 'arms of fair conditions')} arms on sources whose best possible loss is known. "
        "The documents "
        "compare with an autoencoder whose codes stay frozen while the task is trained. That handicap, and not the way "
        "the codes were first found, could explain an advantage, so a second autoencoder is trained on with the task."
    )


def differences(paper: Paper) -> str:
    view = paper.of(STUDY)
    rows = []
    for each in conditions(paper):
        if solved(paper, each):
            continue
        level = view.level(each.id, LEARNED)
        cells = [f"_V_ = {each.vocab_size}, {each.ratio}:1"]
        at = f"summary › {each.id}|{LEARNED}|{LOSS}"
        cells += [paper.number(level.get("floor"), f"{at} › floor", 3), paper.level(level)]
        cells += [part for arm in BASELINES for part in paper.parts(view.pair(each.id, LEARNED, arm))]
        rows.append(cells)
    if not rows:
        return "This run has none of these comparisons."
    hidden = len(conditions(paper)) - len(rows)
    caption = (
        f"Learned table minus each baseline on held-out loss, nats per token, with {paper.confidence} intervals over "
        "paired seeds; "
        "below zero, the learned table is better. Best: the best possible loss. Rows by ratio, in full batches, come "
        "before rows by vocabulary, in small ones. Not shown: "
        f"{paper.amount(hidden, 'condition', 'solved conditions')} that both arms solve."
    )
    header = ["Condition", "Best", "Learned", *(spanning(f"− {name}") for name in BASELINES.values())]
    columns = "(1fr, auto, auto" + ", auto, auto" * len(BASELINES) + ")"
    return table(
        columns, header, rows, caption, "learned", "(left, " + "right, " * (2 + 2 * len(BASELINES)) + ")", here=True
    )


def found(paper: Paper) -> str:
    """Who wins against which baseline, and what follows."""
    view = paper.of(STUDY)
    open_ones = [each for each in conditions(paper) if not solved(paper, each)]
    if not open_ones:
        return "Every condition of this run is solved by both arms, so that none decides."
    wins = {
        arm: [each for each in open_ones if paper.better(view.pair(each.id, LEARNED, arm))] for arm in (FROZEN, TUNED)
    }
    losses = [each for each in open_ones if paper.worse(view.pair(each.id, LEARNED, TUNED))]
    total = len(open_ones)
    what = f"condition of {' and '.join(EXPERIMENTS)} that is not solved"
    text = (
        f"Of the {paper.count(total, what)} conditions of @learned, none of which is solved, the learned table has the "
        "significantly lower loss in "
        f"{paper.count(len(wins[FROZEN]), what + ', better than frozen')} against the frozen codes, and in "
        f"{paper.count(len(wins[TUNED]), what + ', better than fine-tuned')} against the fine-tuned ones, where it is "
        f"significantly worse in {paper.count(len(losses), what + ', worse than fine-tuned')}"
        + uncorrected(paper, [view.pair(each.id, LEARNED, TUNED) for each in open_ones], len(losses))
        + ". @figure-forest-margins shows the differences beside four margins. "
    )
    if 2 * len(wins[FROZEN]) > total and 4 * len(wins[TUNED]) <= total:
        return text + (
            "The advantage over an autoencoder is thus the advantage of training the codes with the task. Where "
            "they start, at "
            "random or in an autoencoder, adds little: _learned during training_ is right about training and says "
            "nothing against autoencoders."
        )
    return text + "The two baselines do not tell one story, so no general statement about autoencoders follows."


def uncorrected(paper: Paper, pairs: list[Row], significant: int) -> str:
    """How many intervals lie above zero, if this is another number than that of Holm's correction."""
    above = sum(row["t_low"] > 0 for row in pairs)
    if above == significant:
        return ""
    what = "conditions that are not solved, interval above zero"
    shown = paper.count(above, what)
    return f" (after Holm's correction; {shown} of the intervals, which are not corrected, lie above zero)"


def variance(paper: Paper) -> str:
    """How much each source of randomness contributes."""
    view = paper.of(STUDY)
    spread = {
        each.name: view.pair(each.id, LEARNED, FROZEN) for each in view.select(experiment="variance", way="done-right")
    }
    if "all" not in spread or not all(spread.values()):
        return "This run does not draw the sources of variance apart."

    def sd(name: str) -> str:
        row, tail = spread[name], (1 - view.confidence) / 2
        value, free = row["sd_difference"], row["n"] - 1
        at = f"{COUNTED}: chi-squared interval of the standard deviation of {row['comparison']}"
        ends = [
            paper.number(value * (free / float(stats.chi2.ppf(share, free))) ** 0.5, at) for share in (1 - tail, tail)
        ]
        shown = paper.number(value, f"statistics › {row['comparison']} › sd_difference", 3)
        return f"{shown} {interval(*ends)}"

    seeds = paper.number(spread["all"]["n"], f"statistics › {spread['all']['comparison']} › n", 0)
    parts = [f"{sd(name)} if the seeds draw {words}" for name, words in SOURCES.items() if name in spread]
    return (
        f"Over _n_ = {seeds} seeds that draw everything anew, the difference between the learned and "
        "the frozen table has a standard deviation of "
        f"{sd('all')} nats; it is {listed(parts)} (intervals of normal data). "
        "Seeds that share their data would understate the uncertainty."
    )


def released(paper: Paper) -> str:
    view = paper.of(STUDY)
    losses = view.summary[view.summary["metric"] == LOSS]
    rows = losses[losses["condition"].isin(view.of_way("as-released"))]
    if rows.empty:
        return "This run does not include the released scripts."
    chance = int((rows["flag"] == "untrained").sum())
    text = (
        f"On held-out data, {paper.share(len(rows) - chance, len(rows), 'arm')} of the released scripts "
        f"{'beats' if len(rows) - chance < 2 else 'beat'} a uniform guess: the code has no gradient but "
        "adds noise to all weights, scaled by the loss. "
    )
    return text + (
        "In the trade-off study @tradeoff the public code tests on another chain than it trains on, so that no arm can "
        "transfer what it learns."
    )
