"""Values of the chapter on the language_models study (workflow/report/language_models.typ)."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tokentrial.real_text import WIKITEXT2
from tokentrial.report.formats import MINUS, count, number, p_value
from tokentrial.report.language_model_names import (
    TOKENS,
    arm_name,
    bits_of_a_nat,
    conditions,
    method_name,
    vocabulary,
)
from tokentrial.report.published import load
from tokentrial.report.tables.language_models import described_rows, fair_rows, mask_rows, with_full
from tokentrial.report.tables.language_models_listings import equal_bits, front_arms
from tokentrial.report.tables.language_models_rows import Lookup, perplexity
from tokentrial.report.tables.rows import LOSS, Results, Row
from tokentrial.report.template import escape
from tokentrial.statistics.tables import REFERENCE, method

Values = dict[str, str]
WAYS = ("as-released", "as-described", "done-right")
NOT_LEARNED = ("unigram", "untrained")
SAID = {
    "better": "dominates",
    "worse": "is dominated by",
    "crossing": "crosses",
    "not shown": "is not shown to be on one side of",
}
NOTHING = "- This run has none of it."


def values(found: Results, config: Mapping[str, Any], published: str) -> Values:
    """Every placeholder of the chapter; found: the study's results alone; published: what its documents print."""
    look = Lookup(found)
    recorded = load(published)["language-models-recorded"]
    (row,) = recorded.rows.values()
    return {
        **{f"recorded.{name}": row[name] for name in ("label", "learned", "autoencoder")},
        "recorded.source": escape(recorded.source),
        "corpus.title": escape(look.corpus),
        "corpus.beside": escape(beside_words(look)),
        "protocol.designs": ",\n    ".join(design_rows(look, config)),
        "protocol.alpha": f"{found.alpha:g}",
        "protocol.margin": f"{config['language_models']['margins']['cross_entropy']:g}",
        "protocol.precision": escape(config["language_models"]["precision"]),
        "found.ratios": listed(ratio_words(look)),
        "found.twice": listed(twice_words(look)),
        "found.mask": listed(mask_words(look)),
        "found.front": listed(front_words(look)),
        "found.dominance": listed(dominance_words(look)),
        "found.bespoke": listed(bespoke_words(look)),
        **learned_values(found),
        **limit_values(found, config["device"]),
        "anchor.words": anchor_words(look),
        "bits.words": escape(bits_words(look)),
    }


def listed(sentences: Iterator[str]) -> str:
    """Sentences as a Typst list."""
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences) or NOTHING


def design_rows(look: Lookup, config: Mapping[str, Any]) -> Iterator[str]:
    """A Typst table row per condition: text, vocabulary, widths, training and seeds."""
    study = config["language_models"]
    for way in WAYS:
        for condition in look.conditions(way):
            design = study["studies"][condition.sub_study][way]
            training = {**study["training"][way], **design.get("training", {})}
            body = study["bodies"][design["body"]]
            first = look.arms(condition.name)[0]
            words = way.replace("-", " ")
            cells = (
                words if condition.body == words else f"{condition.body}, {words}",
                TOKENS.get(condition.tokens, condition.tokens),
                count(vocabulary(look.summary_row(condition.name, first))),
                f"{100 * training['fraction']:g}; {100 * training['held_out_fraction']:g}",
                f"{training['epochs']:g}",
                f"{body['layers']}",
                f"{design['full_width']}, {'narrow' if design['narrow'] else 'fixed'}",
                ", ".join(f"{rate:g}" for rate in training["learning_rates"]),
                f"{training['batch_size']} × {training['length']}",
                seeds_of(look, condition.name),
            )
            yield ", ".join(f"[{escape(cell)}]" for cell in cells)


def seeds_of(look: Lookup, condition: str) -> str:
    """``3``, or ``2 to 3`` where a seed of an arm diverged."""
    rows = look.found.summary
    found = rows.loc[(rows["condition"] == condition) & (rows["metric"] == LOSS), "n"]
    low, high = int(found.min()), int(found.max())
    return f"{low}" if low == high else f"{low} to {high}"


def ratio_words(look: Lookup) -> Iterator[str]:
    """In how many ratios of each condition the learned encoding is better, worse, equivalent, with the range."""
    rows = [*described_rows(look), *fair_rows(look)]
    for way in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == way and row["difference"] is not None]
        if not own:
            continue
        apart = [row["difference"] for row in own]
        ends = [number(value, signed=True) for value in (min(apart), max(apart))]
        better, worse = (_significant(own, sign, look.found.alpha) for sign in (-1, 1))
        yield (
            f"{way[0].upper()}{way[1:]}: of {plural(len(own), 'ratio')}, learned is significantly better in "
            f"{better}, significantly worse in {worse}, and shown to be equivalent in "
            f"{sum(row['equivalent'] is True for row in own)}; "
            + (f"the differences lie between {ends[0]} and {ends[1]} nats." if len(own) > 1 else f"{ends[0]} nats.")
        )


def twice_words(look: Lookup) -> Iterator[str]:
    """The learned encoding with as much training as an arm that starts from the trained full model, against those."""
    for condition in look.conditions("done-right"):
        for arm in look.arms(condition.name):
            size = arm.partition("-")[2]
            found = look.contrast(condition.name, arm, f"autoencoder-{size}") if method(arm) == "learned_twice" else {}
            if found:
                words = f"{condition.title}, {size}:1: learned with twice the epochs minus autoencoder"
                ends = " to ".join(number(found[end], signed=True) for end in ("t_low", "t_high"))
                yield f"{words} {number(found['difference'], signed=True)} nats ({ends})."


def _significant(rows: list[Row], sign: int, alpha: float) -> int:
    return sum(row["p_holm"] is not None and row["p_holm"] < alpha and sign * row["difference"] > 0 for row in rows)


def plural(amount: int, noun: str) -> str:
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def mask_words(look: Lookup) -> Iterator[str]:
    """As released without and with a mask, against the unigram of the same text."""
    for plain, masked in mask_rows(look):
        unigram = plain["unigram"]
        yield (
            f"{plain['name'].removesuffix(', no mask')}: loss {number(plain['loss'], 3)} without a mask, "
            f"{number(masked['loss'], 3)} with one; the unigram has {number(unigram, 3)}."
        )
    for condition in look.conditions("done-right"):
        for arm in look.arms(condition.name):
            size = arm.partition("-")[2]
            found = look.contrast(condition.name, arm, f"learned_unmasked-{size}") if method(arm) == "learned" else {}
            if found:
                losses = [number(found[name], 3) for name in ("mean_b", "mean_a")]
                yield f"Trained as done right, {size}:1: loss {losses[0]} without a mask, {losses[1]} with one."


def front_words(look: Lookup) -> Iterator[str]:
    """The arms that no other arm beats in both bits and mean loss."""
    for condition in with_full(look):
        arms = ", ".join(arm_name(arm) for arm in front_arms(look, condition))
        if arms:
            yield f"{condition.title}, from the smallest: {arms}."


def dominance_words(look: Lookup) -> Iterator[str]:
    """What is shown at equal bits, over the whole range that two methods share."""
    for condition in look.conditions("done-right"):
        for first in ("learned", "autoencoder"):
            pairs = [(b, found.verdict) for a, b, found in equal_bits(look, condition) if a == first]
            # a model without a mask sees what it is asked for: its loss is no language model's
            pairs = [(b, verdict) for b, verdict in pairs if b != "learned_unmasked"]
            compared = [(b, verdict) for b, verdict in pairs if verdict not in ("no overlap", "too few seeds")]
            if not compared:
                continue
            parts = [
                f"{words} {', '.join(method_name(b) for b, verdict in compared if verdict == outcome)}"
                for outcome, words in SAID.items()
                if any(verdict == outcome for _, verdict in compared)
            ]
            yield f"{condition.title}: {first} {'; '.join(parts)}."


def bespoke_words(look: Lookup) -> Iterator[str]:
    """Document 003's widths by frequency minus its controls, where the study has them."""
    for condition in look.conditions("done-right"):
        for arm in look.arms(condition.name):
            for other in look.arms(condition.name) if method(arm) == "bespoke" else ():
                found = look.contrast(condition.name, arm, other)
                if found:
                    equal = ", equivalent" if found["equivalent"] else ""
                    p = "" if found["p_holm"] is None else f", p = {p_value(found['p_holm'])}".replace("= <", "< ")
                    words = f"{arm_name(arm)} minus {arm_name(other)}"
                    yield f"{words}: {number(found['difference'], signed=True)} nats{p}{equal}."


def learned_values(found: Results) -> Values:
    """How many arms beat the unigram, over held-out losses of conditions done right."""
    losses = found.summary[found.summary["metric"] == LOSS]
    fair = losses[losses["condition"].str.contains("/done-right/")]
    flat = fair[fair["flag"].isin(NOT_LEARNED)]
    titles = {each.name: each.title for each in conditions(fair, "done-right")}
    names = [f"{titles[row['condition']]}: {arm_name(row['arm'])}" for _, row in flat.iterrows()]
    return {
        "found.arms": str(len(fair)),
        "found.unlearned": str(len(flat)),
        "found.unlearned_names": escape(f" ({'; '.join(names)})") if names else "",
    }


def limit_values(found: Results, device: str) -> Values:
    """What bounds the run's reach: devices, seeds, and arms that were still getting better at their last step."""
    devices = sorted(found.arms["device"].unique())
    fair = found.runs["condition"].str.contains("/done-right/") & ~found.runs["arm"].str.startswith(REFERENCE)
    own = found.runs[fair]
    last = own[own["step"].notna()].groupby(["condition", "arm"])["step"].max()
    chosen = own[own["metric"] == "chosen_step"].groupby(["condition", "arm"])["value"].mean()
    both = pd.concat([last.astype(float), chosen], axis=1, join="inner")
    note = "A GPU was used" if device == "cuda" else "No GPU was used"
    return {
        "limits.device": escape(f"{note}; the models were trained on: {'; '.join(devices)}."),
        "limits.last_step": str(int((both["value"] >= both["step"]).sum())),
        "limits.trained": str(len(both)),
    }


def beside_words(look: Lookup) -> str:
    """Where this run stands beside published numbers."""
    if look.corpus == WIKITEXT2:
        return "The anchor's table sets them beside published ones, with which they compare only where it says so."
    return f"Published numbers are left out, since they are of another text than {look.corpus}."


def bits_words(look: Lookup) -> str:
    """What one nat per token is in bits per byte, for the tokens of each kind done right."""
    found: dict[str, str] = {}
    for condition in look.conditions("done-right"):
        bits = bits_of_a_nat(look.found.summary, condition.name)
        if bits is not None:
            found.setdefault(TOKENS.get(condition.tokens, condition.tokens), f"{bits:.3f}")
    factors = "; ".join(f"{words} {bits}" for words, bits in found.items())
    return f" On the test text one nat per token is, in bits per byte: {factors}." if found else ""


def anchor_words(look: Lookup) -> str:
    """The full table's perplexities, so that the reader sees at once what scale this is."""
    parts = [
        f"{condition.title} {number(perplexity(look.level(condition.name, 'full').get('mean')), 1)}"
        for condition in with_full(look)
    ]
    return escape(", ".join(parts).replace("-", MINUS)) or "not run"
