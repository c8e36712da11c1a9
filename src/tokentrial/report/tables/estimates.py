"""Tables of the cramming study: a row for each of its estimates' scopes, and one for each decision or criterion."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from tokentrial.cramming.cells import ALL, CONTROL, NATURAL, PAPER, STUDY, TUNED
from tokentrial.cramming.columns import VERDICT
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.cramming_names import CLAIMS, arm_name, decided, in_words, kind_name
from tokentrial.report.formats import GAP, MINUS, MISSING, number
from tokentrial.report.tables.declared import Listing, listed, spread
from tokentrial.report.tables.registry import Ask, Lookup, Row, Sources, cell, kind, listing
from tokentrial.run.estimates import UNKNOWN, Scope
from tokentrial.run.view import View
from tokentrial.statistics.cramming import AT_LEAST, BELOW, bits_per_dimension, theoretical_capacity
from tokentrial.statistics.cramming_scaling import power_exponent

# the paper's texts -> the suffix of their columns
TEXTS = {"PG-19": "", "fan fiction": "_fan", "random words": "_random"}
GAINS = ("token_gain", "information_gain")


@dataclass(frozen=True)
class Of:
    """What a row is about: a scope, over all lengths or at one; longest: the largest length of its group."""

    view: View
    scope: Scope
    length: int | None = None
    longest: int = 0
    sources: ClassVar[Sources] = Sources("source")


def _group_name(view: View, group: Scope) -> str:
    return f"{group.model}, {in_words(group.vectors)}, {arm_name(view, group.arm)} settings"


# Sources

source = Of.sources
source("run", ["corpus"])(lambda of: {"corpus": of.view.corpus})
source("scope", [*Scope._fields, "length", "kind_name", "arm_name"])(
    lambda of: {
        **of.scope._asdict(),
        "length": of.length,
        "kind_name": kind_name(of.scope.kind),
        "arm_name": arm_name(of.view, of.scope.arm),
    }
)


source("fact")(lambda of: Lookup(partial(of.view.estimates.fact, of.scope.model)))


@source("estimate")
def _estimate(of: Of) -> Lookup:
    """The estimate of a measure; of ``capacity.n`` its texts."""

    def get(measure: str) -> Any:
        name, _, part = measure.partition(".")
        known = of.view.estimates.get(name, of.scope, of.length)
        return getattr(known, part) if part else known

    return Lookup(get)


@source("longest", ["length", "entropy", "estimate"])
def _longest(of: Of) -> Row:
    """The longest texts of the group, and their entropy under the model without a vector."""
    entropy = of.view.estimates.get("entropy", of.scope, of.longest)
    return {"length": of.longest, "entropy": entropy.value, "estimate": entropy}


@source("fit", ["points", "separated"])
def _fit(of: Of) -> Row:
    """What the notes of a fit say: how many texts it is through, and whether they were separated without an error."""
    notes = [of.view.estimates.get(name, of.scope).note for name in ("entropy_slope", "logistic_length")]
    return {"points": (notes[0] or MISSING).partition(" ")[0], "separated": notes[1].startswith("separated")}


@source("tuned", ["gain", "estimate"])
def _tuned(of: Of) -> Row:
    """The gain of tuned vectors of the same model, text and length, in whatever design; nothing beside itself."""
    wanted = (of.scope.model, of.scope.kind, of.scope.vectors, TUNED)
    others = [scope for scope in of.view.estimates.scopes if scope[1:] == wanted]
    measured = ((scope, of.view.estimates.get("gain", scope, of.length)) for scope in others)
    scope, gain = next((each for each in measured if each[1] is not UNKNOWN), (None, UNKNOWN))
    gain = UNKNOWN if scope == of.scope else gain
    return {"gain": gain.value, "estimate": gain}


# Lists


@listing("every length")
def _every_length(view: View) -> Listing:
    for scope in view.estimates.scopes:
        names = (scope.model, kind_name(scope.kind), in_words(scope.vectors), arm_name(view, scope.arm))
        for length in view.estimates.lengths(scope):
            yield Of(view, scope, length), {"_section": f"{scope.design}: {', '.join(names)}"}


@listing("kinds of text")
def _kinds(view: View) -> Listing:
    """Of models that were run with several kinds of text."""
    for group in view.estimates.groups:
        members = view.estimates.members(group)
        longest = max((n for scope in members for n in view.estimates.lengths(scope)), default=0)
        yield from ((Of(view, scope, longest=longest), {"_section": _group_name(view, group)}) for scope in members)


@listing("kinds of text and all together")
def _kinds_and_all(view: View) -> Listing:
    """Then those that were taken together once more, for readers."""
    for group in view.estimates.groups:
        for scope in (*view.estimates.members(group), group):
            yield Of(view, scope), {"_section": _group_name(view, group)}
    for group in view.estimates.groups:
        yield Of(view, group), {"_section": _group_name(view, group), "_part": "limits", "_only": "page"}


@listing("models")
def _models(view: View) -> Listing:
    """By kind of text, one vector."""
    for text in (NATURAL, "random-words"):
        for scope in view.estimates.widest(text):
            yield Of(view, scope), {"_section": f"This run: {kind_name(text)}", "source": "this run"}


@listing("numbers of vectors")
def _numbers_of_vectors(view: View) -> Listing:
    """Of series with several, with their exponents."""
    series: dict[Scope, list[Scope]] = {}
    for scope in view.estimates.scopes:
        if scope.arm not in view.with_role(STUDY, CONTROL):
            series.setdefault(scope._replace(vectors=None), []).append(scope)
    for group, scopes in series.items():
        if len(scopes) > 1:
            name = f"This run: {group.model}, {kind_name(group.kind)}, {arm_name(view, group.arm)} settings"
            for scope in sorted(scopes, key=lambda scope: scope.vectors or 0):
                yield Of(view, scope), {"source": "this run", "_section": name}
            values = {gain: view.estimates.get(f"exponent_{gain}", group) for gain in GAINS}
            texts = {gain: estimate(spread(gain, value), gain, decimals=2) for gain, value in values.items()}
            row: Row = {**group._asdict(), "source": "exponent", "corpus": view.corpus}
            for gain, value in values.items():
                row |= spread(f"exponent_{gain}", value)
            yield None, {**row, "_section": name, "_printed": {"vectors": "exponent", **texts}}


@listing("settings")
def _settings(view: View) -> Listing:
    """The paper's optimiser beside the tuned one, on the same texts."""
    for paper in (scope for scope in view.estimates.scopes if scope.arm == PAPER):
        gain = estimate(spread("x", view.estimates.get("gain_difference", paper)), "x", signed=True).replace("\n", " ")
        name = f"{paper.model}, {kind_name(paper.kind)}, {in_words(paper.vectors)}"
        section = {"_section": f"{name}; gain of tuned minus the paper's: {gain} nats"}
        for scope in (each for each in (paper._replace(arm=TUNED), paper) if each in view.estimates.scopes):
            yield from ((Of(view, scope, length), section) for length in view.estimates.lengths(scope))
            row: Row = {**scope._asdict(), "corpus": view.corpus, "_only": "csv"}
            for measure in ("information_gain_strict", "gain_difference"):
                row |= spread(measure, view.estimates.get(measure, scope))
            yield None, row


@listing("controls")
def _controls(view: View) -> Listing:
    """Every control, then the untrained model."""
    scopes, controls = view.estimates.scopes, view.with_role(STUDY, CONTROL)
    groups: dict[str, list[Scope]] = {}
    for scope in scopes:
        if scope.arm in controls:
            groups.setdefault(arm_name(view, scope.arm), []).append(scope)
    untrained = [scope for scope in view.estimates.widest(NATURAL) if scope.model.startswith("untrained")]
    for name, of_group in {**groups, "an untrained model": untrained}.items():
        for scope in of_group:
            yield from ((Of(view, scope, length), {"_section": name}) for length in view.estimates.lengths(scope))


# Formats


@cell("estimate")
def estimate(row: Row, of: str, *, decimals: int = 1, signed: bool = False) -> str:
    """``20.7\\n[19.4, 22.4]``; ``≥ 32`` and ``< 4`` beyond the grid of lengths; a dash where nothing was measured."""
    low, high, note = row.get(f"{of}_low"), row.get(f"{of}_high"), row.get(f"{of}_note", "")
    value = number(row.get(of), decimals, signed)
    if note.startswith(AT_LEAST):
        value = f"≥{GAP}{value}"
    if note.startswith(BELOW):
        return f"<{GAP}{number(high, decimals)}" if high is not None else MISSING
    if low is None and high is None:
        return value
    return f"{value}\n[{number(low, decimals, signed)},{GAP}{number(high, decimals, signed)}]"


@cell("three figures")
def three_figures(row: Row, of: list[str]) -> str:
    """A value with its ends, in three figures or more: 0.0937, 1.01, 20.7, 161."""
    value, *ends = (_figures(row[name]) for name in of)
    return value if set(ends) == {MISSING} else f"{value}\n[{', '.join(ends)}]"


def _figures(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return MISSING
    size = math.floor(math.log10(abs(value))) if value else 0
    return number(value, min(4, max(0, 2 - size)))


# Beside what the paper prints


@kind("models and printed ones")
def models(ask: Ask) -> Iterator[Row]:
    """Table 1's layout: this run's models by kind of text, then the paper's by text."""
    yield from listed(ask)
    for text, suffix in TEXTS.items():
        for name, printed in ask.printed[ask.name].rows.items():
            if printed[f"capacity{suffix}"]:
                texts = {column: printed[f"{column}{suffix}"] for column in ("capacity", *GAINS)}
                texts |= {"utilisation": printed.get(f"utilisation{suffix}", "")}
                row: Row = {"source": "published", "model": name, "text": text, "width": value_of(printed["width"])}
                row |= {column: value_of(value) if value else None for column, value in texts.items()}
                shown = {column: value.replace("-", MINUS) or MISSING for column, value in texts.items()}
                shown |= {
                    "model": printed["label"],
                    "width": printed["width"],
                    "theoretical_capacity": printed["bound"],
                }
                shown |= {} if suffix else {"bits_per_dimension": ask.printed["cramming-bits"].rows[name]["bits"]}
                row |= {"theoretical_capacity": value_of(printed["bound"]), "_printed": shown}
                yield {**row, "_section": f"Published: {text}"}


@kind("vectors and printed ones")
def vectors(ask: Ask) -> Iterator[Row]:
    """Capacity and gains by number of vectors with exponents, this run's and the paper's."""
    yield from listed(ask)
    table = ask.printed[ask.name]
    for model, series in by_model(table).items():
        name = f"Published: {series[0]['label'].partition(',')[0]}, PG-19"
        for printed in series:
            texts = {column: printed[column] for column in ("vectors", "capacity", *GAINS)}
            texts["information_gain_per_vector"] = printed["per_vector"]
            row = {**{column: value_of(text) for column, text in texts.items()}, "source": "published", "model": model}
            yield {**row, "_printed": texts, "_section": name}
        exponents = {gain: published_exponent(series, gain) for gain in GAINS}
        shown = {"vectors": "exponent", **{gain: number(value, 3) for gain, value in exponents.items()}}
        row = {"source": "published exponent", "model": model, "_printed": shown, "_section": name}
        yield row | {f"exponent_{gain}": value for gain, value in exponents.items()}


def by_model(table: PublishedTable) -> dict[str, list[Any]]:
    """The rows of each model, by its name."""
    series: dict[str, list[Any]] = {}
    for row in table.rows.values():
        series.setdefault(row["model"], []).append(row)
    return series


def published_exponent(series: list[Any], quantity: str) -> float:
    """Least squares on the logarithms of a printed series."""
    levels = [[value_of(row[quantity]) for row in series]]
    return float(power_exponent(levels, [value_of(row["vectors"]) for row in series])[0])


# Decisions


@kind("decisions")
def decisions(ask: Ask) -> Iterator[Row]:
    """Every claim's verdict with its sentence."""
    for row in decided(ask.view):
        if row["quantity"] == VERDICT and row["model"] == ALL:
            yield {**row, "corpus": ask.view.corpus, "_claim": CLAIMS.get(row["claim"], row["claim"])}


@kind("criteria")
def criteria(ask: Ask) -> Iterator[Row]:
    """The criteria behind the verdicts, each with its number and rule."""
    ask.words["two_sided"] = f"{100 * (2 * ask.view.confidence - 1):g} %"
    for row in decided(ask.view):
        if row["quantity"] != VERDICT:
            name = CLAIMS.get(row["claim"], row["claim"])
            said = {"_section": name, "_criterion": row["quantity"].replace("_", " ")}
            yield {**row, "corpus": ask.view.corpus, **said}


# Whether published numbers agree with those that they come from


@kind("recomputed")
def recomputed(ask: Ask) -> Iterator[Row]:
    """The published bound, use, bits and exponents, computed again from the printed numbers behind them."""
    models, printed = ask.printed["cramming-models"], ask.printed
    ask.words.update(source=models.source, where=models.where)
    yield from ({**row, "_section": "Bound, use and bits by model"} for row in _recomputed_models(printed))
    for row in _recomputed_exponents(printed):
        yield {**row, "_section": "Exponents over the number of vectors", "_part": "exponents"}
    for each in printed["cramming-vectors"].rows.values():
        value = value_of(each["information_gain"]) / value_of(each["vectors"])
        share = _beside("per_vector", each["per_vector"], value) | {"agrees": _agrees(each["per_vector"], value)}
        identity = {"check": "per vector", "name": each["model"], "label": each["label"]}
        yield {**identity, **share, "_section": "Information gain for each vector", "_part": "shares"}


@cell("printed and computed")
def _printed_and_computed(row: Row, of: str, *, decimals: int = 4) -> str:
    return f"{row[f'{of}_text']} ({number(row[of], decimals)})"


def _beside(name: str, text: str, value: float) -> Row:
    """A printed number, the same computed, and how it is printed."""
    return {f"{name}_printed": value_of(text), name: value, f"{name}_text": text}


def _agrees(text: str, value: float) -> bool:
    """Whether a value rounds to the printed text."""
    decimals = len(text.partition(".")[2])
    return bool(abs(value_of(text) - value) <= 0.5 * 10**-decimals * (1 + 1e-6))


def _recomputed_models(printed: Mapping[str, PublishedTable]) -> Iterator[Row]:
    for name, row in printed["cramming-models"].rows.items():
        width, gain = value_of(row["width"]), value_of(row["information_gain"])
        bound = theoretical_capacity(width, value_of(row["vocabulary"]))
        values = {
            "bound": bound,
            "utilisation": value_of(row["token_gain"]) / bound,
            "utilisation_random": value_of(row["token_gain_random"]) / bound,
            "bits": bits_per_dimension(gain, width),
        }
        texts = {**row, "bits": printed["cramming-bits"].rows[name]["bits"]}
        checked: Row = {"check": "model", "name": name, "label": row["label"]}
        for key, value in values.items():
            checked |= _beside(key, texts[key], value)
        checked["random_over_natural"] = value_of(row["information_gain_random"]) / gain
        yield checked | {"agrees": all(_agrees(texts[key], value) for key, value in values.items())}


def _recomputed_exponents(printed: Mapping[str, PublishedTable]) -> Iterator[Row]:
    series = by_model(printed["cramming-vectors"])
    for row in printed["cramming-exponents"].rows.values():
        of_model = series[row["model"]]
        ends, fitted = (published_exponent(each, row["quantity"]) for each in ([of_model[0], of_model[-1]], of_model))
        exponents = _beside("exponent", row["exponent"], ends) | {"exponent_least_squares": fitted}
        identity = {"check": "exponent", "name": row["model"], "label": row["label"]}
        yield {**identity, **exponents, "agrees": _agrees(row["exponent"], ends)}
