"""Parameter counts of documents 000 and 002: as printed, of their scripts, and as built, trained and deployed."""

import itertools
from collections.abc import Iterator

from tokentrial.published import number as value_of
from tokentrial.released import corrected, pure_python
from tokentrial.released.context_free import HIDDEN
from tokentrial.report.formats import printed
from tokentrial.report.tables.beside_printed import LEARNED, Line, beside_printed, planned
from tokentrial.report.tables.registry import Ask, Row, added, kind, row_maker
from tokentrial.run.view import View
from tokentrial.schema.tables import Rows

ARMS = (LEARNED, "autoencoder")
COUNTED = {"built": "total", "trained": "params_trained", "deployed": "bits_deployed"}


def saved(learned: float | None, other: float | None) -> float | None:
    """Per cent fewer than the other arm."""
    return None if learned is None or not other else 100 * (1 - learned / other)


def counts(view: View, condition: str, other: str, of: str) -> list[float | None]:
    """What both arms have of a column of results.ARMS; bits as numbers of 32 bits."""
    values = [view.cost(condition, arm).get(of) for arm in (LEARNED, other)]
    return [None if value is None else value / 32 for value in values] if of == "bits_deployed" else values


def script_counts(ratio: int) -> list[float]:
    """The parameters of both arms of document 000's script."""
    width = corrected.FULL_WIDTH // ratio
    return [sum(corrected.parameters(arm, width).values()) for arm in ARMS]


@added("savings of the script")
def _savings_of_script(line: Line, condition: str, arm: str) -> Row:
    return {"savings": saved(*script_counts(int(line.key)))}


@added("savings")
def _savings(line: Line, condition: str, arm: str) -> Row:
    return {"savings": saved(*counts(line.view, condition, arm, "total"))}


@row_maker("printed counts")
def _printed_counts(line: Line, rows: Rows) -> Iterator[Row]:
    """As printed, of a formula that fits them, and of the document's script."""
    texts = {arm: line.row[arm] for arm in ARMS} | {"savings": printed(line.row["savings"])}
    yield {"count": "published", **{name: value_of(line.row[name]) for name in texts}, "_printed": texts}
    fits = 2 * (corrected.FULL_WIDTH // int(line.key)) * (corrected.VOCABULARY + 1)
    yield _counted("2·d·(V + 1), which fits the published learned column", fits, None)
    yield _counted("as released: 2·V·d against V·D + 2·D·d + V·d", *script_counts(int(line.key)))


@row_maker("counts")
def _counts(line: Line, rows: Rows) -> Iterator[Row]:
    for name, condition in planned(line, rows):
        for said, of in COUNTED.items():
            yield _counted(f"{name}: {said}", *counts(line.view, condition, str(rows.arm), of))


def _counted(name: str, learned: float | None, other: float | None) -> Row:
    return {"count": name, **dict(zip(ARMS, (learned, other), strict=True)), "savings": saved(learned, other)}


@kind("parameter counts")
def parameter_counts(ask: Ask) -> Iterator[Row]:
    """By ratio; then how the counts grow with d from one printed ratio to the next, for readers."""
    ask.words.update(vocabulary=str(corrected.VOCABULARY), full_width=str(corrected.FULL_WIDTH))
    yield from beside_printed(ask)
    rows = ask.printed[ask.name].rows
    for wide, narrow in itertools.pairwise(rows):
        widths = [corrected.FULL_WIDTH // int(ratio) for ratio in (narrow, wide)]
        slope: Row = {"_step": f"d = {widths[0]} to {widths[1]}"}
        counted = {"published": [[value_of(rows[ratio][arm]) for arm in ARMS] for ratio in (wide, narrow)]}
        counted["released"] = [script_counts(int(ratio)) for ratio in (wide, narrow)]
        for name, (more, fewer) in counted.items():
            for arm, high, low in zip(ARMS, more, fewer, strict=True):
                slope[f"_{name}_{arm}"] = (high - low) / (widths[1] - widths[0])
        yield {**slope, "_section": "Growth per unit of d", "_part": "growth", "_only": "page"}


# The sizes of document 002's proof of concept


def _sizes(role: str, learned: float | None, other: float | None) -> Row:
    return {f"{role}_learned": learned, f"{role}_autoencoder": other, f"{role}_savings": saved(learned, other)}


@row_maker("printed sizes")
def _printed_sizes(line: Line, rows: Rows) -> Iterator[Row]:
    texts = {f"table_{arm}": line.row[arm] for arm in ARMS} | {"table_savings": printed(line.row["savings"])}
    yield {
        "way": rows.name,
        "n": None,
        **_sizes("table", *(value_of(line.row[arm]) for arm in ARMS)),
        "_printed": texts,
    }


@added("sizes of the script")
def _sizes_of_script(line: Line, condition: str, arm: str) -> Row:
    """Numbers in the script's models (protocol A1): no biases, one hidden layer."""
    small, wide = pure_python.VOCABULARY * pure_python.WIDTH, pure_python.VOCABULARY * pure_python.FULL_WIDTH
    head = pure_python.WIDTH * HIDDEN + HIDDEN * pure_python.VOCABULARY
    maps = 2 * pure_python.FULL_WIDTH * pure_python.WIDTH
    deployed = _sizes("deployed", small + head, small + head)
    return _sizes("table", small, wide) | _sizes("built", small + head, wide + maps + head) | deployed


@added("sizes")
def _sizes_of(line: Line, condition: str, arm: str) -> Row:
    columns = {"table": "parameters_embedding", "built": "total", "deployed": "bits_deployed"}
    sizes: Row = {}
    for role, of in columns.items():
        sizes |= _sizes(role, *counts(line.view, condition, arm, of))
    return sizes
