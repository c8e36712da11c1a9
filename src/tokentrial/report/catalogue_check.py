"""Whether the tables and figures of the report are those that the files name, before anything runs.

What is made and shown is read off the text of the code and of the chapters: a plan loads neither, and has no time to.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from tokentrial import config, results
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError
from tokentrial.report.catalogue import FILES, LISTINGS, STUDIES, VERDICTS, captions, entries, studies
from tokentrial.run.columns import CONDITIONS
from tokentrial.schema.figures import Figure, SideBySide
from tokentrial.schema.study_files import STUDIES as STUDIES_OF_CONFIG
from tokentrial.schema.tables import BesidePrinted, DeclaredTable, OfArms
from tokentrial.studies.small_models import WAYS

TABLES, CHAPTERS = "src/tokentrial/report/tables", "workflow/report"
CONDITION = CONDITIONS.names
COLUMNS = {
    **dict.fromkeys(("select", "otherwise", "panels", "x"), CONDITION),
    **dict.fromkeys(("cost", "costs"), results.ARMS.names),
}
"""Keys of figures that name columns -> those that there are."""


def check(settings: Mapping[str, Any], root: Path = ROOT) -> None:
    """Raises InputError, one line, unless each table and figure has one entry, and each entry can be made.

    A table or figure of a study that its chapter's text does not show is shown at the chapter's end.

    settings: what captions name, see config.judging; root: the checkout.
    """
    _check_unique(root)
    captions(STUDIES, "", settings, root)
    code = "".join(file.read_text(encoding="utf-8") for file in sorted((root / TABLES).glob("*.py")))
    kinds = re.findall(r'^@kind\("([^"]+)"\)', code, re.MULTILINE)
    for part, file in FILES.items():
        tables, figures = entries(part, root).tables, entries(part, root).figures
        chapters = [f"{CHAPTERS}/{each}.typ" for each in (("report", part) if part == VERDICTS else (part,))]
        for kind, names, function in (("tables", tables, "wide-table"), ("figures", figures, "plot")):
            shown = [name for chapter in chapters for name in _shown(root / chapter, function)]
            shown += LISTINGS if (part, kind) == (VERDICTS, "tables") else []
            # the tables and figures of a study that its chapter does not name are shown at its end
            every = (part, kind) == (VERDICTS, "tables")
            _compare(file, kind, names, shown, f"{' or '.join(chapters)} shows", every)
        for name, figure in figures.items():
            for key, column, known in _columns(figure):
                if column not in known:
                    expected = f"{config.nearest(column, known)}expected one of {', '.join(known)}"
                    raise InputError(f"{file}: figures.{name}.{key}: found the column '{column}', {expected}")
        for name, table in tables.items():
            _check_name(f"{file}: tables.{name}.kind", table.kind, kinds)
            _check_conditions(f"{file}: tables.{name}", table, part, root)


def _check_conditions(where: str, table: DeclaredTable, study: str, root: Path) -> None:
    """What a table selects is there in some config: columns of a condition, experiments or scripts, ways."""
    if isinstance(table, OfArms):
        for column, value in table.select.items():
            _check_name(f"{where}.select", column, CONDITIONS.names)
            for each in value if isinstance(value, list) else [value]:
                _check_name(f"{where}.select.{column}", each, _known(column, study, root))
    if isinstance(table, BesidePrinted):
        _check_name(f"{where}.match", table.match or "ratio", CONDITIONS.names)
        for place, rows in enumerate(table.rows):
            experiment = _known("experiment", study, root)
            _check_name(f"{where}.rows[{place}].experiment", rows.experiment or experiment[0], experiment)


def _known(column: str, study: str, root: Path) -> list[str]:
    """The values that a column of a condition can have; none if it can have any."""
    scripts: Any = STUDIES_OF_CONFIG[study].model_fields.get("scripts")
    if scripts is not None:  # whether the study's file has them all or not
        keys = get_args(scripts.annotation)
        scripts = get_args(keys[0]) if keys else list(scripts.annotation.model_fields)
    return {"experiment": [*studies(root)[study].experiments, *(scripts or ())], "way": list(WAYS)}.get(column, [])


def _check_name(where: str, name: Any, known: Sequence[str]) -> None:
    if known and name not in known:
        near = config.nearest(str(name), known)
        raise InputError(f"{where}: found '{name}', {near}expected one of {', '.join(known)}")


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


def _compare(file: str, kind: str, names: Collection[str], known: Collection[str], where: str, every: bool) -> None:
    """The entries of a kind against the names known to ``where``; every: each entry has to be one of them."""
    for name in names:
        near = config.nearest(name, [each for each in known if each not in names])
        if name not in known and (near or every):
            raise InputError(f"{file}: {kind}.{name}: {near}found an entry of none of the {kind} that {where}")
    for name in known:
        if name not in names:
            near = config.nearest(name, [each for each in names if each not in known])
            expected = f"{near}expected an entry of each of the {kind} that {where}"
            raise InputError(f"{file}: {kind}: key '{name}' is missing: {expected}")


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
