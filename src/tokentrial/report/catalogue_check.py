"""Whether the tables and figures of the report are those that the files name, before anything runs.

What is made and shown is read off the text of the code and of the chapters: a plan loads neither, and has no time to.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokentrial import config, results
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError
from tokentrial.report.catalogue import FILES, LISTINGS, STUDIES, VERDICTS, captions, entries
from tokentrial.run.columns import CONDITIONS
from tokentrial.schema.declared import DeclaredTable
from tokentrial.schema.figures import Figure, SideBySide

TABLES, CHAPTERS = "src/tokentrial/report/tables", "workflow/report"
CONDITION = CONDITIONS.names
COLUMNS = {
    **dict.fromkeys(("select", "otherwise", "panels", "x"), CONDITION),
    **dict.fromkeys(("cost", "costs"), results.ARMS.names),
}
"""Keys of figures that name columns -> those that there are."""


def check(settings: Mapping[str, Any], root: Path = ROOT) -> None:
    """Raises InputError, one line, unless each table and figure has one entry, and each entry of a table its table.

    A figure is drawn from its entry alone, and shown at the end of its chapter if the chapter's text does not show it.

    settings: what captions name, see config.judging; root: the checkout.
    """
    _check_unique(root)
    captions(STUDIES, "", settings, root)
    code = "".join(file.read_text(encoding="utf-8") for file in sorted((root / TABLES).glob("*.py")))
    for part, file in FILES.items():
        tables, figures = entries(part, root).tables, entries(part, root).figures
        chapters = [f"{CHAPTERS}/{each}.typ" for each in (("report", part) if part == VERDICTS else (part,))]
        for kind, names, function in (("tables", tables, "wide-table"), ("figures", figures, "plot")):
            shown = [name for chapter in chapters for name in _shown(root / chapter, function)]
            shown += LISTINGS if (part, kind) == (VERDICTS, "tables") else []
            _compare(file, kind, names, shown, f"{' or '.join(chapters)} shows")
        for name, figure in figures.items():
            for key, column, known in _columns(figure):
                if column not in known:
                    expected = f"{config.nearest(column, known)}expected one of {', '.join(known)}"
                    raise InputError(f"{file}: figures.{name}.{key}: found the column '{column}', {expected}")
        for name, table in tables.items():
            if not (isinstance(table, DeclaredTable) or name in LISTINGS or _is_quoted(name, code)):
                raise InputError(f"{file}: tables.{name}: found an entry of a table that nothing in {TABLES} builds")
    declared = [name for part in FILES for name in entries(part, root).tables]
    for name in re.findall(r'\btable_title\("([^"]+)"', code):
        if name not in declared:
            near = config.nearest(name, declared)
            raise InputError(
                f"{TABLES}: found the table '{name}', which has no entry: {near}expected one in a study's file"
            )


def _check_unique(root: Path) -> None:
    """A name is a file's name: no two tables may have one, nor two figures."""
    owners: dict[tuple[str, str], str] = {}
    for part, file in FILES.items():
        of_part = entries(part, root)
        for key in [*(("tables", name) for name in of_part.tables), *(("figures", name) for name in of_part.figures)]:
            if key in owners:
                raise InputError(
                    f"{file}: {'.'.join(key)}: found a second entry, expected one (the first is in {owners[key]})"
                )
            owners[key] = file


def _compare(file: str, kind: str, names: Collection[str], known: Collection[str], where: str) -> None:
    """The entries of a kind in a file against the names that there are; where: who has these."""
    for name in names:
        near = config.nearest(name, [each for each in known if each not in names])
        if name not in known and (near or kind == "tables"):
            raise InputError(f"{file}: {kind}.{name}: {near}found an entry of none of the {kind} that {where}")
    for name in known:
        if name not in names:
            raise InputError(
                f"{file}: {kind}: key '{name}' is missing: expected an entry of each of the {kind} that {where}"
            )


def _shown(chapter: Path, function: str) -> list[str]:
    return re.findall(rf'#{function}\("([^"]+)"', chapter.read_text(encoding="utf-8"))


def _columns(figure: Figure) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Key, column and the columns that there are, of every key of a figure that names columns."""
    for key, known in COLUMNS.items():
        value = getattr(figure, key, None) or ()
        yield from ((key, column, known) for column in ((value,) if isinstance(value, str) else value))
    if isinstance(figure, SideBySide):
        for name, panel in figure.experiments.items():
            yield from ((f"experiments.{name}.x", column, CONDITION) for column in (panel.x,) if column is not None)


def _is_quoted(name: str, code: str) -> bool:
    """Whether a name stands in quotes in the code, or its beginning before what is filled in (``doc001-{study}``)."""
    if f'"{name}"' in code:
        return True
    return any(name.startswith(start) for start in re.findall(r'(?:= |\{)f"([a-z0-9-]+-)\{\w+\}"', code))
