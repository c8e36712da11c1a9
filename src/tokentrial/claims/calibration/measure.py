"""The calibration: every plant and every true statement with what the checks say, and recall and precision of them.

The population. Base: the statements whose check says CONSISTENT in the documents, and those of two made-up documents,
which are true by construction. A plant changes one printed number of a base statement, wherever entries of the same
document read it. It is *visible* if some statement that uses the number cannot hold any more for numbers that round to
the printed ones (`readings`, written apart from the checks); an error that no statement contradicts is invisible to
every reader of these statements. A plant is *seen* if the check of some statement that uses the number is no longer
CONSISTENT, or rejects the number. In a made-up document, statements that no check of the library can read count too:
their visible errors are misses.

True statements that may raise a false alarm: the untouched ones of the made-up documents, false ones of the documents
mended in one place, statements drawn anew with true results, and base statements with a number in a coarser or another
form. Beside them: of the numbers in the documents' printed tables, those that some entry reads, since an error in any
other is seen by no check.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from statsmodels.stats.proportion import proportion_confint

from tokentrial import documents as documents_
from tokentrial import published, results
from tokentrial.claims import registry
from tokentrial.claims.calibration import readings
from tokentrial.claims.calibration.plants import coarser, planted, rewritten
from tokentrial.claims.calibration.statements import (
    OPPOSITES,
    Path_,
    Place,
    Statement,
    numbers,
    of_made_up,
    of_registry,
    places,
    replaced,
)
from tokentrial.claims.calibration.truths import mended, redrawn
from tokentrial.claims.verdict import CONSISTENT, INCONSISTENT
from tokentrial.documents import Folders
from tokentrial.seeds import stream

PLANT = "plant"
PRINTED = "printed in a table"
CONTROLS = ("untouched", "mended", "drawn anew", "coarser digits", "another form")
PER_PLACE = 3
"""Plants in one place and kind."""
REDRAWN = 3
"""Statements drawn anew from one."""
SIGN_KIND = "sign"

CALIBRATION = pa.schema(
    [
        pa.field("group", pa.string(), nullable=False),  # plant, or one of CONTROLS
        pa.field("document", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # of number; empty for a control
        pa.field("operator", pa.string(), nullable=False),
        pa.field("statements", pa.string(), nullable=False),  # ids of those that use the number
        pa.field("original", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("visible", pa.bool_(), nullable=False),
        pa.field("flagged", pa.bool_(), nullable=False),
        pa.field("by", pa.string(), nullable=False),  # ids of the entries whose check flags it
    ]
)


def base(documents: Folders, schema: Path, made_up: Sequence[Path]) -> tuple[list[Statement], list[Statement]]:
    """True statements that `readings` can read, and false ones, of the documents and the made-up ones.

    A statement of the documents counts as true if its check says CONSISTENT and `readings` agrees.
    """
    true: list[Statement] = []
    false: list[Statement] = []
    for statement in of_registry(registry.load(documents, schema)):
        holds = readings.possible(statement.check, statement.entry)
        verdict = statement.verdict()
        if verdict == CONSISTENT and holds:
            true.append(statement)
        elif verdict == INCONSISTENT and statement.check != registry.SEVERAL:
            false.append(statement)
    return true + [statement for path in made_up for statement in of_made_up(path)], false


def measure(
    true: Sequence[Statement], false: Sequence[Statement], seed: int, documents: Folders | None = None
) -> pd.DataFrame:
    """A row of `CALIBRATION` for every plant, every control, and every number of the documents' printed tables."""
    rows = [*plants(true, seed), *controls(true, false, seed)]
    if documents is not None:
        rows += read_by_entries([*true, *false], documents)
    return pd.DataFrame(rows, columns=CALIBRATION.names)


def read_by_entries(statements: Sequence[Statement], documents: Folders) -> Iterator[dict[str, object]]:
    """A row for each number of the printed tables; flagged: some entry of the document prints the same text.

    This is an upper end of what the entries read: the same digits may stand for another number.
    """
    texts: dict[str, set[str]] = {}
    for statement in statements:
        for _, _, text in numbers(statement):
            texts.setdefault(statement.document, set()).add(text.rstrip("x%"))
    for name, table in published.load(documents_.printed_files(*documents_.several(documents))).items():
        for row in table.rows.values():
            for text in row.values():
                if table.in_document and published.NUMBER.fullmatch(text):
                    read = text in texts.get(table.document, set())
                    yield _control_row(PRINTED, table.document, name, read) | {"original": text, "text": text}


def plants(true: Sequence[Statement], seed: int) -> Iterator[dict[str, object]]:
    """Errors planted in every place, of its own kind and, if it has a sign, of that."""
    for place in places(true):
        kinds = [place.kind]
        if place.kind != SIGN_KIND and place.text[:1] in "+-−":
            kinds.append(SIGN_KIND)
        for kind in kinds:
            rng = stream(seed, "calibration", place.document, repr(place.key), kind)
            for operator, text in planted(place.text, kind, PER_PLACE, rng):
                visible, by = _effect(true, place, text)
                yield _row(PLANT, place, kind, operator, text, true, visible, by)


def _effect(true: Sequence[Statement], place: Place, text: str) -> tuple[bool, list[str]]:
    """Whether some statement that uses a number cannot hold with the text, and the entries whose check flags it."""
    visible, by = False, []
    for index in dict.fromkeys(index for index, _ in place.uses):
        changed = true[index]
        for other, path in place.uses:
            changed = replaced(changed, path, text) if other == index else changed
        visible |= readings.possible(changed.check, changed.entry) is False
        if changed.read and changed.verdict() != CONSISTENT:
            by.append(changed.id)
    return visible, by


def _row(
    group: str, place: Place, kind: str, operator: str, text: str, true: Sequence[Statement], visible: bool,
    by: Sequence[str],
) -> dict[str, object]:  # fmt: skip
    ids = dict.fromkeys(true[index].id for index, _ in place.uses)
    return {
        "group": group, "document": place.document, "kind": kind, "operator": operator, "statements": " ".join(ids),
        "original": place.text, "text": text, "visible": visible, "flagged": bool(by), "by": " ".join(by),
    }  # fmt: skip


def controls(true: Sequence[Statement], false: Sequence[Statement], seed: int) -> Iterator[dict[str, object]]:
    """True statements, each judged by its own check."""
    for statement in true:
        if statement.named and statement.read:
            yield _control("untouched", statement)
    for statement in false:
        made = mended(statement)
        if made is not None and readings.possible(made.check, made.entry):
            yield _control("mended", made)
    for statement in [*true, *false]:
        rng = stream(seed, "calibration", "drawn anew", statement.document, statement.id)
        if statement.read:
            yield from (_control("drawn anew", made) for made in redrawn(statement, REDRAWN, rng))
    yield from _forms(true)


def _forms(true: Sequence[Statement]) -> Iterator[dict[str, object]]:
    """Base statements with one number with a digit less, or in another form."""
    ways: dict[str, Callable[[str], str | None]] = {"coarser digits": coarser, "another form": rewritten}
    for place in places(true):
        for name, way in ways.items():
            text = None if place.text in OPPOSITES else way(place.text)
            if text is not None and all(_is_text(true[index], path) for index, path in place.uses):
                visible, by = _effect(true, place, text)
                if not visible:  # fewer digits of a mean can no longer tell it from another one: no longer true
                    yield _row(name, place, "", "", text, true, False, by)


def _is_text(statement: Statement, path: Path_) -> bool:
    """Whether an entry quotes a number as printed; a bare number in an entry is a setting."""
    inner: Any = statement.entry
    for step in path:
        inner = inner[step]
    return statement.read and isinstance(inner, str)


def _control(group: str, statement: Statement) -> dict[str, object]:
    return _control_row(group, statement.document, statement.id, statement.verdict() != CONSISTENT)


def _control_row(group: str, document: str, name: str, flagged: bool) -> dict[str, object]:
    return {
        "group": group, "document": document, "kind": "", "operator": "", "statements": name, "original": "",
        "text": "", "visible": False, "flagged": flagged, "by": name if flagged else "",
    }  # fmt: skip


def rate(hits: int, of: int, confidence: float) -> dict[str, float | int | None]:
    """A share with its exact interval (Clopper and Pearson 1934); None without any."""
    if not of:
        return {"hits": hits, "n": of, "rate": None, "low": None, "high": None}
    low, high = proportion_confint(hits, of, alpha=1 - confidence, method="beta")
    return {"hits": hits, "n": of, "rate": hits / of, "low": float(low), "high": float(high)}


def rates(rows: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Recall among visible plants by kind and document, of all plants, precision, and false alarms by control.

    Columns: measure, by (nothing, ``kind``, ``document``, ``control``), name, hits, n, rate, low, high. Precision is
    the share of plants among all that is flagged: it holds for this mix of visible plants and true statements.
    """
    errors, printed = (rows[rows["group"] == name] for name in (PLANT, PRINTED))
    controls_ = rows[~rows["group"].isin([PLANT, PRINTED])]
    visible = errors[errors["visible"]]
    parts: list[tuple[str, str, str, int, int]] = [
        ("recall", "", "visible errors", int(visible["flagged"].sum()), len(visible)),
        ("recall of all", "", "all errors", int(errors["flagged"].sum()), len(errors)),
        ("precision", "", "flagged", int(visible["flagged"].sum()),
         int(visible["flagged"].sum() + controls_["flagged"].sum())),
        ("false alarms", "", "true statements", int(controls_["flagged"].sum()), len(controls_)),
    ]  # fmt: skip
    if len(printed):
        parts.append(("read", "", "table numbers with an entry", int(printed["flagged"].sum()), len(printed)))
    for column in ("kind", "document"):
        for name, group in visible.groupby(column, sort=False):
            parts.append(("recall", column, str(name), int(group["flagged"].sum()), len(group)))
    for name, group in controls_.groupby("group", sort=False):
        parts.append(("false alarms", "control", str(name), int(group["flagged"].sum()), len(group)))
    return pd.DataFrame(
        [
            {"measure": measure_, "by": by, "name": name, **rate(hits, of, confidence)}
            for measure_, by, name, hits, of in parts
        ]
    )


def write(
    documents: Folders, schema: str | Path, made_up: Sequence[str | Path], seed: int, output: str, commit: str = ""
) -> None:
    """Writes `CALIBRATION` with the seed, and the commit of the code if it is known, as metadata of the file.

    documents: the folders of the registry; made_up: files of made-up documents.
    """
    true, false = base(documents, Path(schema), [Path(path) for path in made_up])
    rows = measure(true, false, seed, documents)
    known = {"seed": str(seed), **({"commit": commit} if commit else {})}
    results.write(output, results.table(rows, CALIBRATION).replace_schema_metadata(known))
