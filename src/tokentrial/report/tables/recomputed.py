"""Whether the cramming paper's published numbers agree with those that they come from."""

from collections.abc import Iterator, Mapping

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.formats import number
from tokentrial.report.tables.estimates import by_model, published_exponent
from tokentrial.report.tables.registry import Ask, Row, cell, kind
from tokentrial.statistics.cramming import bits_per_dimension, theoretical_capacity


@kind("recomputed")
def recomputed(ask: Ask) -> Iterator[Row]:
    """The published bound, use, bits and exponents, computed again from the printed numbers behind them."""
    models, printed = ask.printed["cramming-models"], ask.printed
    ask.words.update(source=models.source, where=models.where)
    yield from ({**row, "_section": "Bound, use and bits by model"} for row in _models(printed))
    for row in _exponents(printed):
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


def _models(printed: Mapping[str, PublishedTable]) -> Iterator[Row]:
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
        made: Row = {"check": "model", "name": name, "label": row["label"]}
        for key, value in values.items():
            made |= _beside(key, texts[key], value)
        made["random_over_natural"] = value_of(row["information_gain_random"]) / gain
        yield made | {"agrees": all(_agrees(texts[key], value) for key, value in values.items())}


def _exponents(printed: Mapping[str, PublishedTable]) -> Iterator[Row]:
    series = by_model(printed["cramming-vectors"])
    for row in printed["cramming-exponents"].rows.values():
        of_model = series[row["model"]]
        ends, fitted = (published_exponent(each, row["quantity"]) for each in ([of_model[0], of_model[-1]], of_model))
        exponents = _beside("exponent", row["exponent"], ends) | {"exponent_least_squares": fitted}
        identity = {"check": "exponent", "name": row["model"], "label": row["label"]}
        yield {**identity, **exponents, "agrees": _agrees(row["exponent"], ends)}
