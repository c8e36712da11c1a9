"""Tables of language models: document 002's comparison, what the mask does, equal bits, and a scale to set it by."""

import itertools
from collections.abc import Iterator

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.real_text import WIKITEXT2
from tokentrial.report import language_model_names as names
from tokentrial.report.bespoke_results import MODEL
from tokentrial.report.formats import MISSING, count, number, with_interval
from tokentrial.report.language_model_names import COMPARED, FULL, MASKED, bound, conditions, title
from tokentrial.report.tables.arms import Asked
from tokentrial.report.tables.declared import Listing
from tokentrial.report.tables.registry import Ask, Row, kind, listing
from tokentrial.run.columns import Condition
from tokentrial.run.finals import BITS
from tokentrial.run.view import View
from tokentrial.statistics.pareto import EqualBits

# What the documents compare, with the codes as the released code builds them.
RELEASED = ("learned", "autoencoder_released")
MEBIBIT = 2**20


@kind("learned against autoencoder")
def against_autoencoder(ask: Ask) -> Iterator[Row]:
    """By ratio: what was recorded, as released, as described, done right."""
    view, printed = ask.view, ask.printed
    claims, recorded, other = (printed[f"language-models-{name}"] for name in ("claims", "recorded", "penn-treebank"))
    same = view.corpus == WIKITEXT2
    ask.words["quotes"] = "; ".join(f"“{quote}”" for quote in claims.quotes)
    ask.words["beside"] = (
        f"Recorded: {recorded.source}, {recorded.where}. Penn Treebank: {other.source}; its baseline is a fixed random "
        "projection that nothing trains, its text and tokens are others, so it bears on no row below it."
        if same
        else f"What its repository recorded is left out: those runs had another text than {view.corpus}."
    )
    rows = [row for table in ((recorded, other) if same else ()) for row in recorded_rows(table)]
    rows += [*released_rows(view), *trained_rows(view, "as-described"), *trained_rows(view, "done-right")]
    yield from (row | {"_only": "csv"} for row in rows)
    for row in sorted(rows, key=lambda row: row["ratio"]):
        yield row | {"_section": f"{row['ratio']}:1", "_only": "page"}


def recorded_rows(table: PublishedTable) -> Iterator[Row]:
    """What a document's repository recorded, digit for digit."""
    way = "recorded" if "learned" in next(iter(table.rows.values()), {}) else "recorded, Penn Treebank"
    for key, row in table.rows.items():
        columns = [*COMPARED, *(f"{each}_perplexity" for each in COMPARED)]
        recorded = {name: value_of(row.get(name)) for name in columns}
        recorded["difference"] = recorded["learned"] - recorded["autoencoder"]
        yield {"ratio": int(key), "way": way, "n": table.n, **recorded, "_printed": dict(row)}


def released_rows(view: View) -> Iterator[Row]:
    """As released, on the split that the released code reports and on test text, and the same with a mask."""
    for condition in conditions(view, "as-released"):
        for pair, split in itertools.product((COMPARED, RELEASED), ("validation", "test")):
            yield from _pairs(view, f"as released, {split}", condition, pair, split)
        masked = (f"{RELEASED[0]}{MASKED}", f"{RELEASED[1]}{MASKED}")
        yield from _pairs(view, "as released, with a mask, test", condition, masked)


def trained_rows(view: View, way: str) -> Iterator[Row]:
    """As described (causal, the body as narrow as the encoding) or done right, by condition."""
    for condition in conditions(view, way):
        width = f"{'narrow' if condition.narrow else 'fixed'} body, "
        if condition.narrow is None or "body" in str(condition.body):
            width = ""  # the experiment's own name says it
        yield from _pairs(view, f"{way.replace('-', ' ')}, {width}{title(condition)}", condition, COMPARED)


def _pairs(view: View, way: str, condition: Condition, pair: tuple[str, str], split: str = "test") -> Iterator[Row]:
    """A row per ratio at which the condition has both methods: levels, perplexities, and the paired difference."""
    for arm in names.of_method(view, condition, pair[0]):
        other, ratio = names.peer(view, condition, arm, pair[1]), view.method(condition.study, arm).ratio
        if ratio is None or other is None:
            continue
        arms = dict(zip(COMPARED, (arm, other), strict=True))
        levels = {name: view.level_on(split, condition.id, each) for name, each in arms.items()}
        tested = view.pair(condition.id, arm, other) if split == "test" else {}
        row: Row = {"ratio": ratio, "way": way, "corpus": view.corpus, "condition": condition.id, "split": split}
        row |= {"arm_a": arm, "arm_b": other}
        row["n"] = min((values["n"] for values in levels.values() if values), default=None)
        for name, values in levels.items():
            row |= {name: values.get("mean"), f"{name}_low": values.get("low"), f"{name}_high": values.get("high")}
            row[f"{name}_perplexity"] = names.perplexity(values.get("mean"))
            row[f"{name}_bits_per_byte"] = view.level_on(split, condition.id, arms[name], BITS).get("mean")
        apart = view.difference_on(split, condition.id, arm, other)
        row |= {f"difference{end}": apart.get(of) for end, of in {"": "mean", "_low": "low", "_high": "high"}.items()}
        row |= {key: tested.get(key) for key in ("p_holm", "equivalent", "margin")}
        yield row | {"unigram": bound(view, condition, "unigram", split)}


# The missing mask


@listing("with and without a mask")
def _with_and_without_mask(view: View) -> Listing:
    """As released, every arm that has a twin with a mask; beside them what cannot see the next token, done right."""
    section, scale = "As released", "For scale: the full table done right, causal"
    released = conditions(view, "as-released")
    twins = [(condition, *pair) for condition in released for pair in names.masked_twins(view, condition)]
    for condition, arm, twin in twins:
        name = f"{view.arm_name(condition.study, arm)}, {names.tokens_name(condition)}"
        yield Asked(view, condition, arm, twin), {"name": f"{name}, no mask", "_section": section}
        yield Asked(view, condition, twin), {"name": f"{name}, with mask", "_section": section}
    for condition in names.with_full(view) if twins else []:
        yield Asked(view, condition, FULL), {"name": title(condition), "_section": scale}


# Equal bits


@kind("dominance")
def dominance(ask: Ask) -> Iterator[Row]:
    """Learned and autoencoder against every other method at equal bits, and the front of all arms' means."""
    view, fronts = ask.view, {}
    for condition in conditions(view, "done-right"):
        families = names.family_names(view, condition)
        for first, second, compared in names.equal_bits(view, condition):
            yield from _sizes(view.corpus, condition, first, second, compared)
            yield {**_ends(compared), "_a": families[first], "_b": families[second], "_section": title(condition)}
        best = names.front_arms(view, condition)
        fronts[title(condition)] = ", ".join(view.arm_name(condition.study, arm) for arm in best)
    section = {"_section": "Non-dominated front of the means", "_part": "front", "_only": "page"}
    if any(fronts.values()):
        yield from ({"_run": run, "_front": best, **section} for run, best in fronts.items())


def _sizes(corpus: str, condition: Condition, first: str, second: str, compared: EqualBits) -> Iterator[Row]:
    """A row per size for the CSV; one without a size where nothing can be compared."""
    identity: Row = {"corpus": corpus, "condition": condition.id, "method_a": first, "method_b": second}
    identity |= {"seeds": compared.seeds, "verdict": compared.verdict, "_only": "csv"}
    columns = (compared.log2_bits, compared.difference, compared.low, compared.high)
    sizes = list(zip(*(column.tolist() for column in columns), strict=True))
    for log2_bits, apart, low, high in sizes or [(None,) * 4]:
        yield {**identity, "log2_bits": log2_bits, "difference": apart, "low": low, "high": high}


def _ends(compared: EqualBits) -> Row:
    """A row for readers: the verdict, and the differences at the smallest and the largest size."""
    said = {"better": "A better", "worse": "A worse"}.get(compared.verdict, compared.verdict)
    row: Row = {"_only": "page", "_seeds": compared.seeds, "_sizes": compared.log2_bits.size, "_verdict": said}
    for name, index in (("smallest", 0), ("largest", -1)) if compared.log2_bits.size else ():
        row[f"_bits_{name}"] = number(float(2 ** compared.log2_bits[index]) / MEBIBIT, 2)
        value, low, high = (float(of[index]) for of in (compared.difference, compared.low, compared.high))
        row[f"_{name}"] = with_interval(value, low, high, signed=True)
    return row


# Published perplexities


@kind("anchor")
def anchor(ask: Ask) -> Iterator[Row]:
    """Published perplexities, and the full table of this run with what keeps it from being compared with them.

    Beside another text than the published one there is nothing to print.
    """
    view, printed = ask.view, ask.printed[ask.name]
    if view.corpus != WIKITEXT2:
        return
    for row in printed.rows.values():
        beside = {"corpus": view.corpus, "bits_per_byte": MISSING, "comparable": row["source"]}
        perplexity_ = {"perplexity_value": value_of(row["perplexity"]), "_section": "Published"}
        yield {**row, **beside, **perplexity_}
    trained = [_scale_row(view, condition) for condition in names.with_full(view)]
    ask.words["verdict"] = (
        "Rows marked “yes” have the published rows' text and tokens; epochs and sizes still differ as stated."
        if any(row["comparable"] == "yes" for row in trained)
        else "No model of this run is at the scale of the published ones: text, tokens, epochs and sizes differ, and "
        "the numbers cannot be compared."
    )
    yield from (row | {"_section": "This run, full table"} for row in trained)


def _scale_row(view: View, condition: Condition) -> Row:
    cost, loss = view.cost(condition.id, FULL), view.level_on("test", condition.id, FULL).get("mean")
    shares = {"training": condition.fraction, "test": condition.held_out_fraction}
    reasons = [] if condition.tokenizer == "word" else ["subwords"]
    reasons += [f"{100 * share:g} % of the {text} text" for text, share in shares.items() if share and share < 1]
    parameters = [cost.get(f"parameters_{role}") for role in MODEL if role != "decoder"]
    known = None if any(value is None for value in parameters) else sum(value or 0 for value in parameters)
    body, tied = str(condition.body).removesuffix(", tied"), ", tied" if condition.tied else ""
    return {
        "corpus": view.corpus,
        "label": f"{body}, {condition.layers} layers of {condition.full_width}{tied}",
        "condition": condition.id,
        "parameters": count(known),
        "vocabulary": count(names.vocabulary(view, condition)),
        "epochs": f"{condition.epochs:g}",
        "bits_per_byte": number(view.level_on("test", condition.id, FULL, BITS).get("mean"), 4),
        "perplexity": number(names.perplexity(loss), 2),
        "perplexity_value": names.perplexity(loss),
        "comparable": "no: " + ", ".join(reasons) if reasons else "yes",
    }
