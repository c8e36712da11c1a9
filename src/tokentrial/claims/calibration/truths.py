"""True statements that the checks have not chosen: false ones mended, and statements about numbers drawn anew.

Both are true by construction. A false statement is mended in one place, with a number computed here in floats. A
statement drawn anew has other numbers in it: unrounded ones are drawn, its result is computed from them, and all are
printed with the digits of the original.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tokentrial.claims.calibration.plants import DIGITS
from tokentrial.claims.calibration.readings import Read, _d, _p, read, resolved
from tokentrial.claims.calibration.statements import OPPOSITES, Statement, replaced

PLAIN = re.compile(r"[+\-]?[\d,]*\.?\d+(%|:1)?")
"""Numbers that another number can be printed like."""
Formula = Callable[..., float]
FORMULAS: dict[str, tuple[tuple[str, ...], Formula]] = {
    "difference": (("minuend", "subtrahend"), lambda a, b: a - b),
    "quotient": (("numerator", "denominator"), lambda a, b: a / b),
    "saving": (("kept", "of"), lambda a, b: 1 - a / b),
    "saving_at_ratio": (("ratio",), lambda a: 1 - 1 / a),
    "improvement": (("subject", "baseline"), lambda a, b: (b - a) / b),
    "reduction": (("vocabulary", "width", "narrow"), lambda v, a, b: v * (a - b)),
    "share": (("part", "of"), lambda a, b: a / b),
    "product": (("factors",), lambda *values: math.prod(values)),
    "total": (("parts",), lambda *values: sum(values)),
}
"""Check -> the parameters that its result is computed from, and how."""


def printed_like(text: str, value: float) -> str | None:
    """A value with the digits and the form of a printed number; None for a form that cannot hold another one."""
    match = DIGITS.search(text)
    if PLAIN.fullmatch(text.strip()) is None or match is None:
        return None
    decimals = len(match[0].partition(".")[2])
    scaled = value * (100 if text.endswith("%") else 1)
    if decimals == 0 and "%" not in text and abs(scaled - round(scaled)) > 1e-9:
        return None  # a whole number is exact, so it cannot stand for this one
    sign = "+" if text.startswith("+") else ""
    after = re.sub(r"[^%:]|(?<!:)1", "", text)
    return f"{scaled:{sign}{',' if ',' in text else ''}.{decimals}f}{':1' if ':' in after else after}"


def _values(statement: Statement, names: tuple[str, ...]) -> list[tuple[tuple[str | int, ...], str, Read]]:
    """Path, text and reading of each number that a formula takes."""
    found = []
    reported = statement.entry["reported"]
    for name in names:
        value = statement.entry["parameters"][name]
        entries = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, entry in entries:
            path: tuple[str | int, ...] = ("parameters", name) if index is None else ("parameters", name, index)
            text = entry
            if isinstance(entry, str) and entry in reported:
                path, text = ("reported", entry), reported[entry]
            if isinstance(text, Mapping):
                path, text = (*path, "value"), text["value"]
            if isinstance(text, int | float):
                text = f"{text:,}" if isinstance(text, int) else str(text)
            found.append((path, str(text), read(str(text))))
    return found


def _result(statement: Statement) -> tuple[tuple[str | int, ...], str] | None:
    [(path, text, _)] = _values(statement, ("result",))
    return (path, text) if PLAIN.fullmatch(text.strip()) else None


def mended(statement: Statement) -> Statement | None:
    """A false statement made true in one place; None where this module knows none.

    The result of a calculation becomes the calculated one, a direction the other one, places that should say the same
    say the first of them, a table's values those of the other place, the ends of a range its extremes.
    """
    parameters, reported = statement.entry["parameters"], statement.entry["reported"]
    if statement.check in FORMULAS:
        return _calculated(statement)
    if statement.check == "bound":
        return replaced(statement, ("parameters", "side"), OPPOSITES[parameters["side"]])
    if statement.check in ("agreement", "rows_agree", "range_ends", "parameter_count"):
        made = _rewritten(statement.check, parameters, reported)
        return None if made is None else _with_parameters(statement, made)
    return None


def _rewritten(check: str, parameters: Mapping[str, Any], reported: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters of an entry with the texts that make it true, in place of names."""
    texts = {name: _texts(value, reported) for name, value in parameters.items()}
    if check == "agreement":
        first = next(iter(texts["places"].values()))
        return texts | {"places": dict.fromkeys(texts["places"], first)}
    if check == "rows_agree":
        return texts | {"printed": texts["elsewhere"]}
    if check == "range_ends":
        order = sorted(texts["values"], key=lambda text: read(str(text)).value)
        return texts | {"low": str(order[0]), "high": str(order[-1])}
    if any(not isinstance(length, int | str) for shape in texts["layers"].values() for length in shape):
        return None
    sizes = {name: [read(str(length)).value for length in shape] for name, shape in texts["layers"].items()}
    return texts | {"result": f"{sum(math.prod(shape) for shape in sizes.values()):,.0f}"}


def _texts(value: Any, reported: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and value in reported:
        return _texts(reported[value], {})
    if isinstance(value, Mapping) and set(value) == {"value", "where"}:
        return value["value"]
    if isinstance(value, Mapping):
        return {key: _texts(entry, reported) for key, entry in value.items()}
    return [_texts(entry, reported) for entry in value] if isinstance(value, list | tuple) else value


def _with_parameters(statement: Statement, parameters: Mapping[str, Any]) -> Statement:
    entry = {"parameters": parameters, "reported": {}}
    return Statement(statement.id, statement.document, statement.section, statement.check, entry)


def _calculated(statement: Statement) -> Statement | None:
    names, formula = FORMULAS[statement.check]
    target = _result(statement)
    if target is None:
        return None
    text = printed_like(target[1], formula(*(number.value for _, _, number in _values(statement, names))))
    return None if text is None else replaced(statement, target[0], text)


def redrawn(statement: Statement, most: int, rng: np.random.Generator) -> Iterator[Statement]:
    """At most so many statements of the same form about other numbers, each within a third of the original."""
    for _ in range(most):
        made = _redrawn_row(statement, rng) if statement.check == "p_of_rows" else _redrawn(statement, rng)
        if made is not None:
            yield made


def _redrawn(statement: Statement, rng: np.random.Generator) -> Statement | None:
    if statement.check not in FORMULAS:
        return None
    names, formula = FORMULAS[statement.check]
    target, drawn, made = _result(statement), [], statement
    for path, text, number in _values(statement, names):
        value = number.value * rng.uniform(0.67, 1.33)
        value = float(max(1, round(value))) if number.low == number.high else value
        shown = printed_like(text, value)
        if shown is None or target is None or path == target[0]:
            return None
        drawn.append(value)
        made = replaced(made, path, shown)
    if target is None or (statement.check == "saving" and drawn[0] > drawn[1]):
        return None
    shown = printed_like(target[1], formula(*drawn))
    return None if shown is None else replaced(made, target[0], shown)


def _redrawn_row(statement: Statement, rng: np.random.Generator) -> Statement | None:
    """A row of means with their standard deviations and the p of its t test."""
    parameters, reported = statement.entry["parameters"], statement.entry["reported"]
    given = resolved(parameters, reported)
    texts = {name: _texts(value, reported) for name, value in parameters.items()}
    rows, p_values = {}, []
    for name, row in texts["rows"].items():
        values = [read(text).value * rng.uniform(0.9, 1.1) for text in row]
        values[2] = values[0] + rng.normal(0, 1.5) * values[1]
        shown = [printed_like(text, value) for text, value in zip(row, values, strict=True)]
        if None in shown:
            return None
        rows[name] = shown
        n = given["n"].value if isinstance(given["n"], Read) else float(given["n"])
        p_values.append(f"{_p(_d(*values), n):.3f}")
    return _with_parameters(statement, {"rows": rows, "p_values": p_values, "n": texts["n"]})
