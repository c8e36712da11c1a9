"""What the documents print: ``config/published/<study>.yaml``, read and checked."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokentrial import config
from tokentrial.errors import InputError

NUMBER = re.compile(r"[+-]?\d{1,3}(,?\d{3})*(\.\d+)?")
Columns = tuple[str, tuple[str, ...], tuple[str, ...]]
_LOSSES = ("learned", "learned_sd", "autoencoder", "autoencoder_sd")
_PERPLEXITIES = ("learned_perplexity", "autoencoder_perplexity")
_CORRECTED, _SIZES = ("standard", "bespoke", "improvement"), ("parameters_standard", "parameters_bespoke", "increase")
_GAINS = ("capacity", "token_gain", "information_gain")
_CRAMMED = (
    "width",
    "vocabulary",
    *_GAINS,
    *[f"{name}_random" for name in (*_GAINS, "utilisation")],
    "bound",
    "utilisation",
)
_CRAMMED_PARTS = tuple(f"{name}_fan" for name in _GAINS)  # not run for every model
# study -> table -> what tells its rows apart, the columns that are numbers, those that are text (each row has a label)
COLUMNS: dict[str, dict[str, Columns]] = {
    "learned_encoding": {
        "doc000-accuracy": ("ratio", (*_LOSSES, "difference", "savings"), ()),
        "doc000-parameters": ("ratio", ("learned", "autoencoder", "savings"), ()),
        "doc001-summary": ("study", ("significant", "of"), ("claim",)),
        "doc001-compression": ("ratio", (*_LOSSES, "improvement", "d", "p"), ()),
        "doc001-vocabulary": ("vocabulary", (*_LOSSES, "improvement"), ("p",)),
        "doc001-complexity": ("data", (*_LOSSES, "robustness"), ()),
        "doc001-baselines": ("variant", (), ()),
        "doc002-proof-of-concept": ("ratio", ("learned", "autoencoder", "savings"), ()),
        "signal": ("data", (), ()),
    },
    "language_models": {
        "language-models-claims": ("ratio", (), ()),
        "language-models-recorded": ("ratio", ("learned", "autoencoder", *_PERPLEXITIES), ()),
        "language-models-penn-treebank": ("ratio", _PERPLEXITIES, ()),
        "language-models-anchor": ("model", ("perplexity",), ("parameters", "vocabulary", "epochs", "source")),
    },
    "bespoke": {
        "bespoke-primary": ("test", ("standard", "bespoke", "ratio"), ("corpus", "claim")),
        "bespoke-efficiency": ("test", ("bespoke", "standard", "ratio", "quality"), ("status",)),
        "bespoke-scaling": ("test", (), ("claim",)),
        "bespoke-tests": ("test", ("standard", "bespoke", "ratio", "parameters"), ("config",)),
        "bespoke-breakdown": ("part", ("parameters",), ("share",)),
        "bespoke-scores": ("metric", ("mean", "low", "high"), ("interpretation",)),
        "bespoke-hypothesis": ("quantity", (), ("printed",)),
        "bespoke-configurations": ("configuration", (), ("vocabulary", "width", "corpus")),
        "bespoke-correction": ("test", (*_CORRECTED, *_SIZES), ()),
        "bespoke-widths": ("category", (), ("range", "width")),
    },
    "cramming": {
        "cramming-claims": ("claim", (), ()),
        "cramming-models": ("model", _CRAMMED, _CRAMMED_PARTS),
        "cramming-bits": ("model", ("bits",), ()),
        "cramming-vectors": (
            "row",
            ("vectors", "capacity", "token_gain", "information_gain", "per_vector"),
            ("model",),
        ),
        "cramming-exponents": ("row", ("exponent",), ("model", "quantity")),
    },
}
HEAD: dict[str, tuple[type, ...]] = {
    "document": (str,),
    "where": (str,),
    "n": (int, type(None)),
    "quotes": (list,),
    "rows": (list,),
}


@dataclass(frozen=True)
class PublishedTable:
    """One table of a document, digit for digit."""

    document: str
    where: str
    source: str
    n: int | None
    """Runs per condition that the document states; None where it states none."""
    quotes: tuple[str, ...]
    rows: dict[str, Mapping[str, str]]
    """What tells a row apart ('8', 'simple') -> column -> the printed text."""

    def numbers(self, *columns: str) -> list[float]:
        """The printed numbers of these columns, row by row."""
        return [number(row[column]) for row in self.rows.values() for column in columns]


def number(text: str | None) -> float:
    """A printed number's value; NaN for what is no number, such as '> 0.05' or None."""
    return float(text.replace(",", "")) if text is not None and NUMBER.fullmatch(text) else math.nan


def load(path: str | Path) -> dict[str, PublishedTable]:
    """The tables of a study's file by name.

    Raises InputError naming file and key for a missing, unknown or malformed entry.
    """
    content, columns = config.load(path), COLUMNS[Path(path).stem]
    documents, tables = (_mapping(content.get(key), f"{path}: {key}") for key in ("documents", "tables"))
    _same_keys(content, ("documents", "tables"), str(path))
    _same_keys(tables, columns, f"{path}: tables")
    return {name: _table(tables[name], columns[name], documents, f"{path}: tables.{name}") for name in columns}


def _table(content: Any, columns: Columns, documents: Mapping[str, Any], where: str) -> PublishedTable:
    head = _mapping(content, where)
    _same_keys(head, HEAD, where)
    for key, kinds in HEAD.items():
        if not isinstance(head[key], kinds):
            expected = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            raise InputError(f"{where}.{key}: found {head[key]!r}, expected {expected}")
    if head["document"] not in documents:
        raise InputError(f"{where}.document: found {head['document']!r}, expected one of {', '.join(documents)}")
    key_column = columns[0]
    rows: dict[str, Mapping[str, str]] = {}
    for index, row in enumerate(head["rows"]):
        checked = _row(row, columns, f"{where}.rows[{index}]")
        if checked[key_column] in rows:
            raise InputError(f"{where}.rows[{index}].{key_column}: {checked[key_column]!r} occurs twice")
        rows[checked[key_column]] = checked
    source, quotes = str(documents[head["document"]]), tuple(str(quote) for quote in head["quotes"])
    return PublishedTable(head["document"], head["where"], source, head["n"], quotes, rows)


def _row(row: Any, columns: Columns, where: str) -> dict[str, str]:
    key, numbers, texts = columns
    found = _mapping(row, where)
    _same_keys(found, (key, "label", *numbers, *texts), where)
    for column, value in found.items():
        if not isinstance(value, str):
            raise InputError(f"{where}.{column}: found {value!r}, expected text in quotes, to keep the printed digits")
        if column in numbers and not NUMBER.fullmatch(value):
            raise InputError(f"{where}.{column}: found {value!r}, expected a number as printed")
    return dict(found)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: expected keys and values, found {type(value).__name__}")
    return value


def _same_keys(found: Mapping[str, Any], expected: Any, where: str) -> None:
    """Exactly these keys, whatever their order."""
    wanted = list(expected)
    unknown = [str(key) for key in found if key not in wanted]
    missing = [key for key in wanted if key not in found]
    if unknown:
        raise InputError(f"{where}: unknown key '{unknown[0]}'; expected {', '.join(wanted)}")
    if missing:
        raise InputError(f"{where}: key '{missing[0]}' is missing")
