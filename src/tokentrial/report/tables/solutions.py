"""Tables of what crammed vectors are: the true bits of solved texts' vectors, and texts that grew token by token."""

import math
from collections.abc import Iterator

from tokentrial.published import number as value_of
from tokentrial.report.cramming_names import horizons, probed
from tokentrial.report.tables.declared import Listing, listed
from tokentrial.report.tables.estimates import Of
from tokentrial.report.tables.registry import Ask, Row, kind, listing
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View


@Of.sources("code", ["a_number"])
def _code(of: Of) -> Row:
    """The bits of an arithmetic code of the text for each number of the vectors."""
    code = of.view.estimates.get("arithmetic_bits", of.scope, of.length).value
    width = of.view.estimates.fact(of.scope.model, "width")
    return {"a_number": None if code is None or not width else code / (width * (of.scope.vectors or 1))}


@listing("solved texts")
def _solved_texts(view: View) -> Listing:
    """Every length at which the vectors of solved texts were probed."""
    for scope, length in probed(view):
        yield Of(view, scope, length), {"_section": f"This run: {scope.model}", "source": "this run"}


@listing("horizons")
def _horizons(view: View) -> Listing:
    """Texts that grew token by token, with the lowest and the highest of their last lengths."""
    for block in horizons(view):
        lower = [float(value) for value in block.capacities.lower if not math.isnan(value)]
        if lower:
            ends = {"shortest": min(lower), "longest": max(lower)}
            yield Of(view, Scope(*block.key)), {"_section": "This run", "source": "this run", **ends}


@kind("solved texts and printed ones")
def solved_texts(ask: Ask) -> Iterator[Row]:
    """What the vectors of solved texts are, then the paper's capacities with their gain in bits for each number."""
    rows = list(listed(ask))
    yield from rows
    bits = ask.printed["cramming-bits"].rows
    for name, printed in ask.printed["cramming-models"].rows.items() if rows else ():
        shown = {"model": printed["label"], "length": printed["capacity"], "code_a_number": bits[name]["bits"]}
        row: Row = {"source": "published", "model": name, "_kind": "PG-19", "_section": "Published", "_printed": shown}
        row |= {"width": value_of(printed["width"]), "length": value_of(printed["capacity"])}
        yield row | {"code_a_number": value_of(bits[name]["bits"])}


@kind("horizons and printed ones")
def horizons_and_printed(ask: Ask) -> Iterator[Row]:
    """How far texts get that grow token by token, then the paper's capacities, on a grid of lengths."""
    rows = list(listed(ask))
    yield from rows
    for name, printed in ask.printed["cramming-models"].rows.items() if rows else ():
        shown = {"model": printed["label"], "width": printed["width"], "capacity_mean": printed["capacity"]}
        row: Row = {"source": "published", "model": name, "_kind": "PG-19", "_section": "Published", "_printed": shown}
        yield row | {"width": value_of(printed["width"]), "capacity_mean": value_of(printed["capacity"])}
