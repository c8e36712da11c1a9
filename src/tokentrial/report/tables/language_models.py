"""The tables of the language models: document 002's comparison, what the mask does, and a scale to set it by."""

from collections.abc import Iterator, Mapping

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.real_text import WIKITEXT2
from tokentrial.report import formats
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MISSING, Section, Table, count, number
from tokentrial.report.language_model_names import (
    FULL,
    MASKED,
    bound,
    conditions,
    masked_twins,
    of_method,
    peer,
    title,
    tokens_name,
    vocabulary,
    with_full,
)
from tokentrial.report.tables import language_models_listings
from tokentrial.report.tables.language_models_rows import (
    difference,
    notes_on_tests,
    one_line,
    pair_row,
    perplexity,
    shown_pair,
)
from tokentrial.report.tables.rows import Row
from tokentrial.run.columns import Condition
from tokentrial.run.finals import ACCURACY, BITS
from tokentrial.run.view import View

# What the documents compare: the learned encoding and the autoencoder's codes, as the released code builds them or not.
RELEASED = "autoencoder_released"
PAIRS = (("learned", "autoencoder"), ("learned", RELEASED))
MASKED_PAIR = (f"learned{MASKED}", f"{RELEASED}{MASKED}")
NOTHING = "This run has no results for this table."
# Of the anchor's CSV, with or without rows.
ANCHOR_COLUMNS = (
    *("corpus", "model", "label", "bits_per_byte", "perplexity", "parameters", "vocabulary", "epochs", "source"),
    *("comparable", "perplexity_value", "condition"),
)


def build(view: View, printed: Mapping[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the study; view: its results alone; printed: every table of the documents."""
    yield main(view, printed)
    yield mask(view)
    yield language_models_listings.dominance(view)
    yield anchor(view, printed["language-models-anchor"])


def main(view: View, printed: Mapping[str, PublishedTable]) -> Table:
    """Learned against autoencoder by ratio: what was recorded, as released, as described, done right."""
    names = ("recorded", "penn-treebank") if view.corpus == WIKITEXT2 else ()
    published = [row for name in names for row in recorded_rows(printed[f"language-models-{name}"])]
    measured = [*released_rows(view), *described_rows(view), *fair_rows(view)]
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
        else f"What its repository recorded is left out: those runs had another text than {view.corpus}."
    )
    notes = (
        f"Document 002 says {'; '.join(f'“{quote}”' for quote in claims.quotes)}, and prints no number of this study. "
        f"{beside}",
        "Narrow body: the whole model has the width of the encoding, as in the document, so that a ratio changes the "
        "model too. Fixed body: the encoding is lifted to one width. Losses without a mask are not those of a language "
        "model: the next token is visible. Losses of different tokens cannot be compared, their bits per byte can.",
        notes_on_tests(view),
    )
    data = pd.DataFrame([{key: value for key, value in row.items() if key != "printed"} for row in everything])
    name = "language-models-main"
    return Table(name, table_title(name, view.corpus), data, tuple(sections), notes, "Ratio")


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


def released_rows(view: View) -> Iterator[Row]:
    """As released, on the split that the released code reports and on test text, and the same with a mask."""
    for condition in conditions(view, "as-released"):
        for pair in (*PAIRS, MASKED_PAIR):
            way = "as released" if pair != MASKED_PAIR else "as released, with a mask"
            for split in ("validation", "test") if pair != MASKED_PAIR else ("test",):
                yield from _pairs(view, f"{way}, {split}", condition, pair, split)


def described_rows(view: View) -> Iterator[Row]:
    """As described: causal, the body as narrow as the encoding."""
    for condition in conditions(view, "as-described"):
        yield from _pairs(view, f"as described, {width_of_body(condition)}{title(condition)}", condition, PAIRS[0])


def fair_rows(view: View) -> Iterator[Row]:
    """Done right: a row per sub-study."""
    for condition in conditions(view, "done-right"):
        yield from _pairs(view, f"done right, {width_of_body(condition)}{title(condition)}", condition, PAIRS[0])


def width_of_body(condition: Condition) -> str:
    """``narrow body, ``, unless the sub-study's own name says it."""
    said = condition.narrow is None or "body" in str(condition.body)
    return "" if said else f"{'narrow' if condition.narrow else 'fixed'} body, "


def _pairs(view: View, way: str, condition: Condition, pair: tuple[str, str], split: str = "test") -> Iterator[Row]:
    """A row per ratio at which the condition has both methods."""
    for arm in of_method(view, condition, pair[0]):
        other, ratio = peer(view, condition, arm, pair[1]), view.method(condition.study, arm).ratio
        if ratio is not None and other is not None:
            yield {"ratio": ratio, **pair_row(view, way, condition, arm, other, split)}


def mask(view: View) -> Table:
    """As released with and without a causal mask, beside what a model that cannot see the next token reaches."""
    everything = [row for pair in mask_rows(view) for row in pair]
    sections = [Section("As released", _shown_mask(everything))] if everything else []
    context = [_mask_row(view, condition, FULL, title(condition)) for condition in with_full(view)]
    if everything and context:
        sections.append(Section("For scale: the full table done right, causal", _shown_mask(context)))
        everything += context
    notes = (
        "Below unigram: by how much a model beats the best constant prediction of its own text and tokens, which is "
        "what can be set against each other where tokens differ. Without a mask each position sees the token that it "
        "is asked for, so that loss says how well the model copies, not how well it predicts.",
        notes_on_tests(view) if everything else NOTHING,
    )
    name = "language-models-mask"
    return Table(name, table_title(name, view.corpus), pd.DataFrame(everything), tuple(sections), notes, "Run")


def mask_rows(view: View) -> Iterator[tuple[Row, Row]]:
    """(without, with a mask) for every arm as released that has a twin with a mask."""
    for condition in conditions(view, "as-released"):
        for arm, twin in masked_twins(view, condition):
            name = f"{view.arm_name(condition.study, arm)}, {tokens_name(condition)}"
            gain = difference(view, condition, arm, twin, "test")
            yield (
                _mask_row(view, condition, arm, f"{name}, no mask") | gain,
                _mask_row(view, condition, twin, f"{name}, with mask"),
            )


def _mask_row(view: View, condition: Condition, arm: str, name: str) -> Row:
    """An arm's level and its gain over the unigram."""
    loss, unigram = view.level_on("test", condition.id, arm), bound(view, condition, "unigram")
    mean = loss.get("mean")
    return {
        "corpus": view.corpus,
        "condition": condition.id,
        "arm": arm,
        "name": name,
        "n": loss.get("n"),
        "loss": mean,
        "loss_low": loss.get("low"),
        "loss_high": loss.get("high"),
        "bits_per_byte": view.level_on("test", condition.id, arm, BITS).get("mean"),
        "perplexity": perplexity(mean),
        "accuracy": view.level_on("test", condition.id, arm, ACCURACY).get("mean"),
        "unigram": unigram,
        "below_unigram": None if unigram is None or mean is None else unigram - mean,
    }


def _shown_mask(everything: list[Row]) -> pd.DataFrame:
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
            for row in everything
        ]
    )


def anchor(view: View, printed: PublishedTable) -> Table:
    """Published perplexities, and the full table of this run with what keeps it from being compared with them.

    Beside another text than the published one there is nothing to print.
    """
    name = "language-models-anchor"
    if view.corpus != WIKITEXT2:
        note = f"Nothing to print: the published perplexities are those of another text than {view.corpus}."
        return Table(name, table_title(name, view.corpus), pd.DataFrame(columns=ANCHOR_COLUMNS), (), (note,), "Source")
    published: list[Row] = [
        {**row, "corpus": view.corpus, "bits_per_byte": MISSING, "comparable": row["source"]}
        | {"perplexity_value": value_of(row["perplexity"])}
        for row in printed.rows.values()
    ]
    trained = [_scale_row(view, condition) for condition in with_full(view)]
    sections = [Section("Published", _shown_anchor(published))]
    if trained:
        sections.append(Section("This run, full table", _shown_anchor(trained)))
    some = any(row["comparable"] == "yes" for row in trained)
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
    data = pd.DataFrame([*published, *trained], columns=ANCHOR_COLUMNS)
    return Table(name, table_title(name, view.corpus), data, tuple(sections), notes, "Source")


def _scale_row(view: View, condition: Condition) -> Row:
    cost, loss = view.cost(condition.id, FULL), view.level_on("test", condition.id, FULL).get("mean")
    shares = {"training": condition.fraction, "test": condition.held_out_fraction}
    reasons = [] if condition.tokenizer == "word" else ["subwords"]
    reasons += [f"{100 * share:g} % of the {text} text" for text, share in shares.items() if share and share < 1]
    parameters = [cost.get(f"parameters_{role}") for role in ("embedding", "encoder", "body", "head")]
    known = None if any(value is None for value in parameters) else sum(value or 0 for value in parameters)
    body, tied = str(condition.body).removesuffix(", tied"), ", tied" if condition.tied else ""
    return {
        "corpus": view.corpus,
        "label": f"{body}, {condition.layers} layers of {condition.full_width}{tied}",
        "condition": condition.id,
        "parameters": count(known),
        "vocabulary": count(vocabulary(view, condition)),
        "epochs": f"{condition.epochs:g}",
        "bits_per_byte": number(view.level_on("test", condition.id, FULL, BITS).get("mean"), 4),
        "perplexity": number(perplexity(loss), 2),
        "perplexity_value": perplexity(loss),
        "comparable": "no: " + ", ".join(reasons) if reasons else "yes",
    }


def _shown_anchor(models: list[Row]) -> pd.DataFrame:
    columns = {
        "Model": "label",
        "Parameters": "parameters",
        "Vocabulary": "vocabulary",
        "Epochs": "epochs",
        "Bits/byte": "bits_per_byte",
        "Test ppl": "perplexity",
        "Source, or comparable": "comparable",
    }
    return pd.DataFrame([{heading: str(row[key]) for heading, key in columns.items()} for row in models])
