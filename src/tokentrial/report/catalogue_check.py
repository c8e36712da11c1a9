"""Whether the tables and figures that the files declare can be made, and the paper's are there, before anything runs.

Which kinds of tables there are is read off the text of the code: a plan does not load it, and has no time to.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from tokentrial import config, results
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError
from tokentrial.report.catalogue import FILES, HEADLINE, LISTINGS, STUDIES, VERDICTS, captions, entries, studies
from tokentrial.report.paper.figures import FIGURES
from tokentrial.run.columns import CONDITIONS
from tokentrial.schema.figures import Figure, SideBySide
from tokentrial.schema.study_files import STUDIES as STUDIES_OF_CONFIG
from tokentrial.schema.tables import BesidePrinted, DeclaredTable, OfArms
from tokentrial.studies.small_models import WAYS

TABLES = "src/tokentrial/report/tables"
CONDITION = CONDITIONS.names
COLUMNS = {
    **dict.fromkeys(("select", "otherwise", "panels", "x"), CONDITION),
    **dict.fromkeys(("cost", "costs"), results.ARMS.names),
}
"""Keys of figures that name columns -> those that there are."""


def check(settings: Mapping[str, Any], root: Path = ROOT) -> None:
    """Raises InputError, one line, unless each table and figure has one entry, and each entry can be made.

    settings: what captions name, see config.judging; root: the checkout.
    """
    _check_unique(root)
    captions(STUDIES, "", settings, root)
    code = "".join(file.read_text(encoding="utf-8") for file in sorted((root / TABLES).glob("*.py")))
    kinds = re.findall(r'^@kind\("([^"]+)"\)', code, re.MULTILINE)
    for part, file in FILES.items():
        tables, figures = entries(part, root).tables, entries(part, root).figures
        needed = {"tables": [HEADLINE, *LISTINGS] if part == VERDICTS else [], "figures": _of_paper(part)}
        for kind, names in (("tables", tables), ("figures", figures)):
            for name in needed[kind]:
                if name not in names:
                    near = config.nearest(name, names)
                    raise InputError(
                        f"{file}: {kind}: key '{name}' is missing: {near}expected it, which the paper shows"
                    )
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


def _of_paper(part: str) -> list[str]:
    """The figures of a study that the paper shows."""
    return [figure.name for figure in FIGURES.values() if figure.study == part]


def _columns(figure: Figure) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Key, column and the columns that there are, of every key of a figure that names columns."""
    for key, known in COLUMNS.items():
        value = getattr(figure, key, None) or ()
        yield from ((key, column, known) for column in ((value,) if isinstance(value, str) else value))
    if isinstance(figure, SideBySide):
        for name, panel in figure.experiments.items():
            yield from ((f"experiments.{name}.x", column, CONDITION) for column in (panel.x,) if column is not None)
