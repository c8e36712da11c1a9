"""Formats of a table's cells: which text a reader sees for columns of a row."""

from tokentrial.report import formats
from tokentrial.report.formats import GAP, MISSING, missing, number
from tokentrial.report.tables.registry import Row, cell


@cell("text")
def text(row: Row, of: str, *, empty: str = "") -> str:
    value = row.get(of)
    return empty if missing(value) or value == "" else str(value)


@cell("way")
def way(row: Row, of: str) -> str:
    """What follows a colon stands in a line of its own."""
    return text(row, of).replace(": ", ":\n")


cell("count")(lambda row, of: formats.count(row.get(of)))
cell("p")(lambda row, of: formats.p_value(row.get(of)))
cell("yes no")(lambda row, of: formats.yes_no(row.get(of)))


@cell("number")
def scaled(row: Row, of: str, *, decimals: int = 4, signed: bool = False, scale: float = 1, unit: str = "") -> str:
    value = row.get(of)
    shown = number(None if missing(value) or value is None else scale * value, decimals, signed)
    return shown if shown == MISSING else f"{shown}{unit}"


@cell("interval")
def interval(
    row: Row, of: str | list[str], *, decimals: int = 4, signed: bool = False, one_line: bool = False, gap: str = GAP
) -> str:
    """A value with its ends: three columns, or x with x_low and x_high."""
    names = [of, f"{of}_low", f"{of}_high"] if isinstance(of, str) else of
    value, low, high = (row.get(name) for name in names)
    shown = formats.with_interval(value, low, high, signed, decimals, gap)
    return shown.replace("\n", GAP) if one_line else shown


@cell("level")
def level(row: Row, of: str) -> str:
    """A mean with its interval, or with its standard deviation where it has no interval."""
    if row.get(f"{of}_low") is None:
        return formats.with_deviation(row.get(of), row.get(f"{of}_sd"))
    return interval(row, of)
