"""Whether the tables and figures of the report are those that the files name, before anything runs.

What is made and shown is read off the text of the code and of the chapters: a plan loads neither, and has no time to.
"""

import ast
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tokentrial import config
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError
from tokentrial.report.catalogue import FILES, LISTINGS, STUDIES, VERDICTS, captions, entries
from tokentrial.schema.declared import DeclaredTable

TABLES, FIGURES, CHAPTERS = "src/tokentrial/report/tables", "src/tokentrial/report/figures", "workflow/report"


def check(settings: Mapping[str, Any], root: Path = ROOT) -> None:
    """Raises InputError, one line, unless each table and figure has one entry, and each entry its table or figure.

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
        _compare(file, "figures", figures, _drawn(root / FIGURES / f"{part}.py"), f"{FIGURES}/{part}.py draws")
        for name, table in tables.items():
            if not (isinstance(table, DeclaredTable) or name in LISTINGS or _is_quoted(name, code)):
                raise InputError(f"{file}: tables.{name}: found an entry of a table that nothing in {TABLES} builds")
    known = [name for part in FILES for name in entries(part, root).tables]
    for name in re.findall(r'\btable_title\("([^"]+)"', code):
        if name not in known:
            near = config.nearest(name, known)
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
        if name not in known:
            near = config.nearest(name, [each for each in known if each not in names])
            raise InputError(f"{file}: {kind}.{name}: {near}found an entry of none of the {kind} that {where}")
    for name in known:
        if name not in names:
            raise InputError(
                f"{file}: {kind}: key '{name}' is missing: expected an entry of each of the {kind} that {where}"
            )


def _shown(chapter: Path, function: str) -> list[str]:
    return re.findall(rf'#{function}\("([^"]+)"', chapter.read_text(encoding="utf-8"))


def _drawn(module: Path) -> list[str]:
    """The keys of FIGURES."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.AnnAssign)
            and ast.unparse(node.target) == "FIGURES"
            and isinstance(node.value, ast.Dict)
        ):
            return [str(ast.literal_eval(key)) for key in node.value.keys if key is not None]
    return []


def _is_quoted(name: str, code: str) -> bool:
    """Whether a name stands in quotes in the code, or its beginning before what is filled in (``doc001-{study}``)."""
    if f'"{name}"' in code:
        return True
    return any(name.startswith(start) for start in re.findall(r'(?:= |\{)f"([a-z0-9-]+-)\{\w+\}"', code))
