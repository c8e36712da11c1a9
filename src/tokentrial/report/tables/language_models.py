"""The tables of the language models: document 002's comparison, what the mask does, and a scale to set it by."""

from collections.abc import Iterator

import pandas as pd

from tokentrial.real_text import WIKITEXT2
from tokentrial.report import formats
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MISSING, Section, Table, count, number
from tokentrial.report.language_model_names import TOKENS, Condition, arm_name, split_arm, vocabulary
from tokentrial.report.published import PublishedTable
from tokentrial.report.published import number as value_of
from tokentrial.report.tables import language_models_listings, rows
from tokentrial.report.tables.language_models_rows import (
    Lookup,
    difference,
    notes_on_tests,
    one_line,
    pair_row,
    perplexity,
    shown_pair,
)
from tokentrial.report.tables.rows import ACCURACY, BITS, Row
from tokentrial.statistics.tables import method

# What the documents compare: the learned encoding and the autoencoder's codes, as the released code builds them or not.
PAIRS = (("learned", "autoencoder"), ("learned", "autoencoder_released"))
MASKED = "_masked"
MASKED_PAIR = (f"learned{MASKED}", f"autoencoder_released{MASKED}")
FULL = "full"
NOTHING = "This run has no results for this table."
# Of the anchor's CSV, with or without rows.
ANCHOR_COLUMNS = (
    *("corpus", "model", "label", "bits_per_byte", "perplexity", "parameters", "vocabulary", "epochs", "source"),
    *("comparable", "perplexity_value", "condition"),
)


def build(found: rows.Results, printed: dict[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the study; found: its results alone; printed: config/published/language_models.yaml."""
    look = Lookup(found)
    yield main(look, printed)
    yield mask(look)
    yield language_models_listings.arms(look)
    yield language_models_listings.comparisons(look)
    yield language_models_listings.dominance(look)
    yield anchor(look, printed["language-models-anchor"])


def main(look: Lookup, printed: dict[str, PublishedTable]) -> Table:
    """Learned against autoencoder by ratio: what was recorded, as released, as described, done right."""
    names = ("recorded", "penn-treebank") if look.corpus == WIKITEXT2 else ()
    published = [row for name in names for row in recorded_rows(printed[f"language-models-{name}"])]
    measured = [*released_rows(look), *described_rows(look), *fair_rows(look)]
    everything = [*published, *measured]
    sections = []
    for ratio in sorted({row["ratio"] for row in everything}):
        shown = [shown_pair(row) for row in everything if row["ratio"] == ratio]
        sections.append(Section(f"{ratio}:1", pd.DataFrame(shown)))
    claims, recorded, other = (printed[f"language-models-{name}"] for name in ("claims", "recorded", "penn-treebank"))
    beside = (
        f"Recorded: {recorded.source}, {recorded.where}. Penn Treebank: {other.source}; its baseline is a fixed random "
        "projection that nothing trains, its text and tokens are others, so it bears on no row below it."
        if published
        else f"What its repository recorded is left out: those runs had another text than {look.corpus}."
    )
    notes = (
        f"Document 002 says {'; '.join(f'“{quote}”' for quote in claims.quotes)}, and prints no number of this study. "
        f"{beside}",
        "Narrow body: the whole model has the width of the encoding, as in the document, so that a ratio changes the "
        "model too. Fixed body: the encoding is lifted to one width. Losses without a mask are not those of a language "
        "model: the next token is visible. Losses of different tokens cannot be compared, their bits per byte can.",
        notes_on_tests(look),
    )
    data = pd.DataFrame([{key: value for key, value in row.items() if key != "printed"} for row in everything])
    name = "language-models-main"
    return Table(name, table_title(name, look.corpus), data, tuple(sections), notes, "Ratio")


def recorded_rows(table: PublishedTable) -> Iterator[Row]:
    """What a document's repository recorded, digit for digit."""
    name = "recorded" if "learned" in next(iter(table.rows.values()), {}) else "recorded, Penn Treebank"
    for key, row in table.rows.items():
        losses = {each: value_of(row.get(each)) for each in ("learned", "autoencoder")}
        printed = {"Learned": row.get("learned", MISSING), "Autoencoder": row.get("autoencoder", MISSING)}
        printed |= {f"{each.capitalize()},\nppl": row[f"{each}_perplexity"] for each in losses}
        yield {
            "ratio": int(key),
            "way": name,
            "n": table.n,
            **losses,
            **{f"{each}_perplexity": value_of(row[f"{each}_perplexity"]) for each in losses},
            "difference": losses["learned"] - losses["autoencoder"],
            "printed": printed,
        }


def released_rows(look: Lookup) -> Iterator[Row]:
    """As released, on the split that the released code reports and on test text, and the same with a mask."""
    for condition in look.conditions("as-released"):
        for pair in (*PAIRS, MASKED_PAIR):
            way = "as released" if pair != MASKED_PAIR else "as released, with a mask"
            for split in ("validation", "test") if pair != MASKED_PAIR else ("test",):
                yield from _pairs(look, f"{way}, {split}", condition, pair, split)


def described_rows(look: Lookup) -> Iterator[Row]:
    """As described: causal, the body as narrow as the encoding."""
    for condition in look.conditions("as-described"):
        way = f"as described, {width_of_body(look, condition)}{condition.title}"
        yield from _pairs(look, way, condition, PAIRS[0], "test")


def fair_rows(look: Lookup) -> Iterator[Row]:
    """Done right: a row per sub-study."""
    for condition in look.conditions("done-right"):
        way = f"done right, {width_of_body(look, condition)}{condition.title}"
        yield from _pairs(look, way, condition, PAIRS[0], "test")


def width_of_body(look: Lookup, condition: Condition) -> str:
    """``narrow body, ``, unless the sub-study's own name says it."""
    narrow = look.scale(condition.name).get("narrow")
    return "" if narrow is None or "body" in condition.body else f"{'narrow' if narrow else 'fixed'} body, "


def _pairs(look: Lookup, way: str, condition: Condition, pair: tuple[str, str], split: str) -> Iterator[Row]:
    """A row per ratio at which the condition has both arms."""
    known = set(look.arms(condition.name))
    for ratio in sorted({ratio for name, ratio in map(split_arm, known) if name == pair[0] and ratio}):
        arm, other = (f"{name}-{ratio}" for name in pair)
        if other in known:
            yield {"ratio": ratio, **pair_row(look, way, condition.name, arm, other, split)}


def mask(look: Lookup) -> Table:
    """As released with and without a causal mask, beside what a model that cannot see the next token reaches."""
    own = [row for pair in mask_rows(look) for row in pair]
    sections = [Section("As released", _shown_mask(own))] if own else []
    made = own
    context = [_mask_row(look, condition, FULL, None) for condition in with_full(look)]
    if made and context:
        sections.append(Section("For scale: the full table done right, causal", _shown_mask(context)))
        made = [*own, *context]
    notes = (
        "Below unigram: by how much a model beats the best constant prediction of its own text and tokens, which is "
        "what can be set against each other where tokens differ. Without a mask each position sees the token that it "
        "is asked for, so that loss says how well the model copies, not how well it predicts.",
        notes_on_tests(look) if made else NOTHING,
    )
    name = "language-models-mask"
    return Table(name, table_title(name, look.corpus), pd.DataFrame(made), tuple(sections), notes, "Run")


def mask_rows(look: Lookup) -> Iterator[tuple[Row, Row]]:
    """(without, with a mask) for every arm as released that has a twin with a mask."""
    for condition in look.conditions("as-released"):
        arms = look.arms(condition.name)
        for arm in arms:
            plain = arm.replace(MASKED, "", 1)
            if plain != arm and plain in arms:
                yield _mask_row(look, condition, plain, arm), _mask_row(look, condition, arm, None)


def with_full(look: Lookup) -> list[Condition]:
    """Conditions done right of the learned encoding that have the full table; other documents' have it as a control."""
    return [
        condition
        for condition in look.conditions("done-right")
        if {FULL, "learned"} <= {method(arm) for arm in look.arms(condition.name)}
    ]


def _mask_row(look: Lookup, condition: Condition, arm: str, masked: str | None) -> Row:
    """An arm's level, its gain over the unigram, and, given its masked twin, what the mask takes away."""
    level, right = look.level(condition.name, arm), look.level(condition.name, arm, metric=ACCURACY)
    unigram, mean = look.bound(condition.name, "unigram"), level.get("mean")
    name = condition.title
    if condition.way == "as-released":
        words = TOKENS.get(condition.tokens, condition.tokens)
        name = f"{arm_name(arm.replace(MASKED, '', 1))}, {words}, {'no mask' if masked else 'with mask'}"
    return {
        "corpus": look.corpus,
        "condition": condition.name,
        "arm": arm,
        "name": name,
        "n": level.get("n"),
        "loss": mean,
        "loss_low": level.get("low"),
        "loss_high": level.get("high"),
        "bits_per_byte": look.level(condition.name, arm, metric=BITS).get("mean"),
        "perplexity": perplexity(mean),
        "accuracy": right.get("mean"),
        "unigram": unigram,
        "below_unigram": None if unigram is None or mean is None else unigram - mean,
        **(difference(look, condition.name, arm, masked, "test") if masked else {}),
    }


def _shown_mask(own: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Model": row["name"],
                "n": count(row["n"]),
                "Test loss": one_line(row, "loss"),
                "Bits/byte": number(row["bits_per_byte"], 4),
                "ppl": number(row["perplexity"], 2),
                "Accuracy": number(row["accuracy"], 4),
                "Unigram": number(row["unigram"], 3),
                "Below\nunigram": number(row["below_unigram"], 3, signed=True),
                "No mask minus mask": one_line(row, "difference", signed=True),
            }
            for row in own
        ]
    )


def anchor(look: Lookup, printed: PublishedTable) -> Table:
    """Published perplexities, and the full table of this run with what keeps it from being compared with them.

    Beside another text than the published one there is nothing to print.
    """
    name = "language-models-anchor"
    if look.corpus != WIKITEXT2:
        note = f"Nothing to print: the published perplexities are those of another text than {look.corpus}."
        return Table(name, table_title(name, look.corpus), pd.DataFrame(columns=ANCHOR_COLUMNS), (), (note,), "Source")
    published: list[Row] = [
        {**row, "corpus": look.corpus, "bits_per_byte": MISSING, "comparable": row["source"]}
        | {"perplexity_value": value_of(row["perplexity"])}
        for row in printed.rows.values()
    ]
    own = [_scale_row(look, condition) for condition in with_full(look) if look.scale(condition.name)]
    sections = [Section("Published", _shown_anchor(published))]
    if own:
        sections.append(Section("This run, full table", _shown_anchor(own)))
    some = any(row["comparable"] == "yes" for row in own)
    verdict = (
        "Rows marked “yes” have the published rows' text and tokens; epochs and sizes still differ as stated."
        if some
        else "No model of this run is at the scale of the published ones: text, tokens, epochs and sizes differ, and "
        "the numbers cannot be compared."
    )
    notes = (
        f"Published: {printed.where}, as printed. Comparable: word level, the whole training text and the whole test "
        f"text. {verdict} Perplexities per token, so those of subwords are lower than those of words.",
    )
    data = pd.DataFrame([*published, *own], columns=ANCHOR_COLUMNS)
    return Table(name, table_title(name, look.corpus), data, tuple(sections), notes, "Source")


def _scale_row(look: Lookup, condition: Condition) -> Row:
    scale, cost = look.scale(condition.name), look.cost(condition.name, FULL)
    training, body = scale["training"], scale["body"]
    loss = look.level(condition.name, FULL).get("mean")
    reasons = [] if scale["tokenizer"] == "word" else ["subwords"]
    reasons += [
        f"{100 * training[key]:g} % of the {text} text"
        for key, text in (("fraction", "training"), ("held_out_fraction", "test"))
        if training[key] < 1
    ]
    parameters = [cost.get(f"parameters_{role}") for role in ("embedding", "encoder", "body", "head")]
    known = None if any(value is None for value in parameters) else sum(value or 0 for value in parameters)
    tied = ", tied" if scale["tied"] else ""
    return {
        "corpus": look.corpus,
        "label": f"{condition.body.removesuffix(', tied')}, {body['layers']} layers of {scale['full_width']}{tied}",
        "condition": condition.name,
        "parameters": count(known),
        "vocabulary": count(vocabulary(look.summary_row(condition.name, FULL))),
        "epochs": f"{training['epochs']:g}",
        "bits_per_byte": number(look.level(condition.name, FULL, metric=BITS).get("mean"), 4),
        "perplexity": number(perplexity(loss), 2),
        "perplexity_value": perplexity(loss),
        "comparable": "no: " + ", ".join(reasons) if reasons else "yes",
    }


def _shown_anchor(own: list[Row]) -> pd.DataFrame:
    columns = {
        "Model": "label",
        "Parameters": "parameters",
        "Vocabulary": "vocabulary",
        "Epochs": "epochs",
        "Bits/byte": "bits_per_byte",
        "Test ppl": "perplexity",
        "Source, or comparable": "comparable",
    }
    return pd.DataFrame([{title: str(row[key]) for title, key in columns.items()} for row in own])
