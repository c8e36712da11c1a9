"""Values of the chapter on the language_models study (workflow/report/language_models.typ)."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.real_text import WIKITEXT2
from tokentrial.report.formats import MINUS, count, number, p_value
from tokentrial.report.headline import central
from tokentrial.report.language_model_names import (
    FULL,
    arms_of,
    bits_of_a_nat,
    bound,
    conditions,
    equal_bits,
    family_names,
    front_arms,
    masked_twins,
    of_method,
    peer,
    perplexity,
    title,
    tokens_name,
    vocabulary,
    with_full,
)
from tokentrial.report.learning_rates import RATE, source_words
from tokentrial.report.tables.language_models import trained_rows
from tokentrial.report.tables.registry import Row
from tokentrial.report.template import escape
from tokentrial.run.budget import budget
from tokentrial.run.columns import Condition
from tokentrial.run.finals import BOUND, LOSS
from tokentrial.run.view import View, records

Values = dict[str, str]
WAYS = ("as-released", "as-described", "done-right")
NOT_LEARNED = ("unigram", "untrained")
SAID = {
    "better": "dominates",
    "worse": "is dominated by",
    "crossing": "crosses",
    "not shown": "is not shown to be on one side of",
}
UNMASKED = "learned_unmasked"
NOTHING = "- This run has none of it."


def values(view: View, config: Mapping[str, Any], printed: Mapping[str, PublishedTable]) -> Values:
    """Every placeholder of the chapter; view: the study's results alone; printed: every table of the documents."""
    recorded = printed["language-models-recorded"]
    (row,) = recorded.rows.values()
    return {
        **{f"recorded.{name}": row[name] for name in ("label", "learned", "autoencoder")},
        "recorded.source": escape(recorded.source),
        "corpus.title": escape(view.corpus),
        "corpus.beside": escape(beside_words(view)),
        "protocol.designs": ",\n    ".join(design_rows(view, config)),
        "protocol.alpha": f"{view.alpha:g}",
        "protocol.margin": f"{config['language_models']['margins']['cross_entropy']:g}",
        "protocol.rate_source": escape(source_words(view)),
        "protocol.precision": escape(config["language_models"]["precision"]),
        "found.ratios": listed(ratio_words(view)),
        "found.equal": listed(equal_words(view)),
        "found.mask": listed(mask_words(view)),
        "found.front": listed(front_words(view)),
        "found.dominance": listed(dominance_words(view)),
        "found.bespoke": listed(bespoke_words(view)),
        **learned_values(view),
        **limit_values(view, config["device"]),
        "anchor.words": anchor_words(view),
        "bits.words": escape(bits_words(view)),
    }


def listed(sentences: Iterator[str]) -> str:
    """Sentences as a Typst list."""
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences) or NOTHING


def design_rows(view: View, config: Mapping[str, Any]) -> Iterator[str]:
    """A Typst table row per condition: text, vocabulary, widths, training and seeds."""
    study = config["language_models"]
    for way in WAYS:
        for condition in conditions(view, way):
            training = {**study["training"][way], **study["experiments"][condition.experiment][way].get("training", {})}
            words = way.replace("-", " ")
            cells = (
                words if condition.body == words else f"{condition.body}, {words}",
                tokens_name(condition),
                count(vocabulary(view, condition)),
                f"{100 * (condition.fraction or 0):g}; {100 * (condition.held_out_fraction or 0):g}",
                f"{condition.epochs:g}",
                f"{condition.layers}",
                f"{condition.full_width}, {'narrow' if condition.narrow else 'fixed'}",
                rates_of(view, condition),
                f"{training['batch_size']} × {training['length']}",
                seeds_of(view, condition),
            )
            yield ", ".join(f"[{escape(cell)}]" for cell in cells)


def rates_of(view: View, condition: Condition) -> str:
    """The learning rates at which the models of a condition were trained, by its rows."""
    of_condition = (view.runs["condition"] == condition.id) & (view.runs["metric"] == RATE)
    used = sorted({float(f"{rate:.6g}") for rate in view.runs.loc[of_condition, "value"].dropna()})
    return ", ".join(f"{rate:g}" for rate in used) or "none"


def seeds_of(view: View, condition: Condition) -> str:
    """``3``, or ``2 to 3`` where a seed of an arm diverged."""
    seeds = [view.level(condition.id, arm)["n"] for arm in arms_of(view, condition)]
    low, high = min(seeds), max(seeds)
    return f"{low}" if low == high else f"{low} to {high}"


def ratio_words(view: View) -> Iterator[str]:
    """In how many ratios of each condition the learned encoding is better, worse, equivalent; range and budgets."""
    rows = [*trained_rows(view, "as-described"), *trained_rows(view, "done-right")]
    for way in dict.fromkeys(row["way"] for row in rows):
        compared = [row for row in rows if row["way"] == way and row["difference"] is not None]
        if compared:
            yield f"{way[0].upper()}{way[1:]}: {outcome_words(view, compared)}{training_words(view, compared)}."


def outcome_words(view: View, compared: list[Row]) -> str:
    """How many comparisons are significant or equivalent, and the range of their differences."""
    apart = [row["difference"] for row in compared]
    ends = [number(value, signed=True) for value in (min(apart), max(apart))]
    better, worse = (_significant(compared, sign, view.alpha) for sign in (-1, 1))
    return (
        f"of {plural(len(compared), 'ratio')}, learned is significantly better in "
        f"{better}, significantly worse in {worse}, and shown to be equivalent in "
        f"{sum(row['equivalent'] is True for row in compared)}; "
        + (f"the differences lie between {ends[0]} and {ends[1]} nats" if len(apart) > 1 else f"{ends[0]} nats")
    )


def training_words(view: View, compared: list[Row]) -> str:
    """The steps on text that both arms had over all stages (run.budget); empty where they were not counted."""
    pairs = [[budget(view, row["condition"], row[arm]) for arm in ("arm_a", "arm_b")] for row in compared]
    steps = {tuple(spent.steps for spent in pair if spent is not None) for pair in pairs}
    if len(steps) != 1 or len(only := next(iter(steps))) != 2:
        return ""
    if only[0] == only[1]:
        return f"; both trained for {count(only[0])} steps on text"
    return f"; not equal training: {count(only[0])} steps on text against {count(only[1])} over all stages"


def equal_words(view: View) -> Iterator[str]:
    """The learned encodings and the autoencoder at equal training, as the headline compares them."""
    rows = central(view)
    equal = rows[rows["equal_training"]] if len(rows) else rows
    for name, group in equal.groupby("condition", sort=False):
        condition = view.condition(str(name))
        compared = records(group)
        ratios = [view.method(condition.study, row["arm_b"]).ratio for row in compared]
        if None in ratios:
            continue  # document 003's widths against the full table have a list of their own
        differences = ", ".join(
            f"{ratio}:1 {number(row['difference'], signed=True)} "
            f"({number(row['t_low'], signed=True)} to {number(row['t_high'], signed=True)})"
            for ratio, row in zip(ratios, compared, strict=True)
        )
        words = f"{outcome_words(view, compared)}{training_words(view, compared)}"
        yield f"{title(condition)}: {words}. By ratio: {differences}."


def _significant(rows: list[Row], sign: int, alpha: float) -> int:
    return sum(row["p_holm"] is not None and row["p_holm"] < alpha and sign * row["difference"] > 0 for row in rows)


def plural(amount: int, noun: str) -> str:
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def mask_words(view: View) -> Iterator[str]:
    """As released without and with a mask, against the unigram of the same text."""
    for condition in conditions(view, "as-released"):
        for arms in masked_twins(view, condition):
            losses = [number(view.level_on("test", condition.id, arm).get("mean"), 3) for arm in arms]
            yield (
                f"{view.arm_name(condition.study, arms[0])}, {tokens_name(condition)}: "
                f"loss {losses[0]} without a mask, "
                f"{losses[1]} with one; the unigram has {number(bound(view, condition, 'unigram'), 3)}."
            )
    for condition in conditions(view, "done-right"):
        for arm in of_method(view, condition, "learned"):
            contrast = view.pair(condition.id, arm, peer(view, condition, arm, UNMASKED) or "")
            if contrast:
                size = view.method(condition.study, arm).size
                losses = [number(contrast[name], 3) for name in ("mean_b", "mean_a")]
                yield f"Trained as done right, {size}:1: loss {losses[0]} without a mask, {losses[1]} with one."


def front_words(view: View) -> Iterator[str]:
    """The arms that no other arm beats in both bits and mean loss."""
    for condition in with_full(view):
        arms = ", ".join(view.arm_name(condition.study, arm) for arm in front_arms(view, condition))
        if arms:
            yield f"{title(condition)}, from the smallest: {arms}."


def dominance_words(view: View) -> Iterator[str]:
    """What is shown at equal bits, over the whole range that two methods share."""
    for condition in conditions(view, "done-right"):
        names, pairs = family_names(view, condition), list(equal_bits(view, condition))
        for first in ("learned", "autoencoder"):
            # a model without a mask sees what it is asked for: its loss is no language model's
            verdicts = {b: compared.verdict for a, b, compared in pairs if a == first and b != UNMASKED}
            parts = []
            for outcome, words in SAID.items():
                others = [names[b] for b, verdict in verdicts.items() if verdict == outcome]
                parts += [f"{words} {', '.join(others)}"] if others else []
            if parts:
                yield f"{title(condition)}: {first} {'; '.join(parts)}."


def bespoke_words(view: View) -> Iterator[str]:
    """Document 003's widths by frequency minus its controls, where the study has them."""
    for condition in conditions(view, "done-right"):
        for arm in of_method(view, condition, "bespoke"):
            for other in arms_of(view, condition):
                contrast = view.pair(condition.id, arm, other)
                if contrast:
                    equal = ", equivalent" if contrast["equivalent"] else ""
                    holm = contrast["p_holm"]
                    p = "" if holm is None else f", p = {p_value(holm)}".replace("= <", "< ")
                    words = " minus ".join(view.arm_name(condition.study, each) for each in (arm, other))
                    yield f"{words}: {number(contrast['difference'], signed=True)} nats{p}{equal}."


def learned_values(view: View) -> Values:
    """How many arms beat the unigram, over held-out losses of conditions done right."""
    losses = view.summary[view.summary["metric"] == LOSS]
    fair = losses[losses["condition"].isin(view.of_way("done-right"))]
    flat = fair[fair["flag"].isin(NOT_LEARNED)]
    arms = [(view.condition(row["condition"]), row["arm"]) for _, row in flat.iterrows()]
    names = [f"{title(condition)}: {view.arm_name(condition.study, arm)}" for condition, arm in arms]
    return {
        "found.arms": str(len(fair)),
        "found.unlearned": str(len(flat)),
        "found.unlearned_names": escape(f" ({'; '.join(names)})") if names else "",
    }


def limit_values(view: View, device: str) -> Values:
    """What bounds the run's reach: devices, seeds, and arms that were still getting better at their last step."""
    devices = sorted(view.arms["device"].unique())
    fair = view.runs["condition"].isin(view.of_way("done-right")) & ~view.runs["arm"].str.startswith(BOUND)
    trained = view.runs[fair]
    last = trained[trained["step"].notna()].groupby(["condition", "arm"])["step"].max()
    chosen = trained[trained["metric"] == "chosen_step"].groupby(["condition", "arm"])["value"].mean()
    both = pd.concat([last.astype(float), chosen], axis=1, join="inner")
    note = "A GPU was used" if device == "cuda" else "No GPU was used"
    return {
        "limits.device": escape(f"{note}; the models were trained on: {'; '.join(devices)}."),
        "limits.last_step": str(int((both["value"] >= both["step"]).sum())),
        "limits.trained": str(len(both)),
    }


def beside_words(view: View) -> str:
    """Where this run stands beside published numbers."""
    if view.corpus == WIKITEXT2:
        return "The anchor's table sets them beside published ones, with which they compare only where it says so."
    return f"Published numbers are left out, since they are of another text than {view.corpus}."


def bits_words(view: View) -> str:
    """What one nat per token is in bits per byte, for the tokens of each kind done right."""
    factors: dict[str, str] = {}
    for condition in conditions(view, "done-right"):
        bits = bits_of_a_nat(view, condition)
        if bits is not None:
            factors.setdefault(tokens_name(condition), f"{bits:.3f}")
    words = "; ".join(f"{tokens} {bits}" for tokens, bits in factors.items())
    return f" On the test text one nat per token is, in bits per byte: {words}." if factors else ""


def anchor_words(view: View) -> str:
    """The full table's perplexities, so that the reader sees at once what scale this is."""
    parts = [
        f"{title(condition)} {number(perplexity(view.level_on('test', condition.id, FULL).get('mean')), 1)}"
        for condition in with_full(view)
    ]
    return escape(", ".join(parts).replace("-", MINUS)) or "not run"
