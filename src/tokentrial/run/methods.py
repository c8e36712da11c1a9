"""Makes a row of columns.METHODS for every arm of a run: method, size, role, and a name for readers."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial.run.columns import METHODS
from tokentrial.schema.declared import OWN, Study

SIZE = re.compile(r"_?\d+$")  # the end of a method's name in a family of methods that differ only in bits


def table(studies: Mapping[str, Study], arms: pd.DataFrame) -> pd.DataFrame:
    """Returns a row of columns.METHODS for every arm of every study, by study.

    Methods are in the order of the study's file, with undeclared methods last, and sizes of a method in the run's
    order.
    """
    rows = []
    for study, names in arms.groupby("study", sort=False)["arm"]:
        declared = studies.get(str(study)) or Study.undeclared(str(study))
        unique = [str(name) for name in names.unique()]
        sizes = {size for name, size in map(_split, unique) if size and declared.role(name) == OWN}
        known = list(declared.methods)
        rows += sorted((_row(declared, str(study), name, sizes) for name in unique), key=lambda row: _place(row, known))
    return pd.DataFrame(rows, columns=METHODS.names)


def _split(arm: str) -> tuple[str, str | None]:
    """Returns (method, size) of an arm's name; the size is None if there is none."""
    name, _, size = arm.partition("-")
    return name, size or None


def _place(row: Mapping[str, Any], known: Sequence[str]) -> int:
    """Returns the place of a method, or of its family, among the declared methods; undeclared ones come last."""
    return next((known.index(row[key]) for key in ("method", "family") if row[key] in known), len(known))


def _row(study: Study, name_of_study: str, arm: str, sizes: Collection[str]) -> dict[str, Any]:
    """Returns the row of an arm.

    sizes: those of the study's own encodings; any other ending that is not a ratio is a part of the method's name.
    """
    method, size = _split(arm)
    if arm in study.methods or not size or not (size.isdigit() or size in sizes):
        method, size = arm, None
    return {
        "study": name_of_study,
        "arm": arm,
        "method": method,
        "family": _family(study, method),
        "size": size,
        "ratio": int(size) if size is not None and size.isdigit() else None,
        "role": study.role(method),
        **_names(study, method, size),
        **_look(study, method),
    }


def _family(study: Study, method: str) -> str:
    """Returns the name without its number if the study declares a method of this name, else the whole name."""
    family = SIZE.sub("", method)
    return family if family in study.methods else method


def _names(study: Study, method: str, size: str | None) -> dict[str, str | None]:
    """Returns the names for readers: ``learned 8:1``, ``bands permuted, scaling``, ``product quantised (pq_16)``."""
    family = _family(study, method)
    family_name = _name(study, family)
    known = study.methods.get(family)
    of_bits = method not in study.methods and known is not None and known.name is not None
    name = f"{family_name} ({method})" if of_bits and family != method else _name(study, method)
    if size is None:
        return {"name": name, "family_name": family_name, "size_name": None}
    size_name = f"{size}:1" if size.isdigit() else study.layouts.get(size, size)
    whole = f"{name}{' ' if size.isdigit() else ', '}{size_name}"
    return {"name": whole, "family_name": family_name, "size_name": size_name}


def _name(study: Study, method: str) -> str:
    declared = study.methods.get(method)
    return (declared and declared.name) or method.replace("_", " ")


def _look(study: Study, method: str) -> dict[str, Any]:
    """Returns the declared look of a method or of its family; empty if there is none."""
    for name in (method, _family(study, method)):
        declared = study.methods.get(name)
        if declared is not None and declared.look is not None:
            label, color, marker, size = (value for _, value in declared.look)
            return {"label": label or _name(study, name), "color": color, "marker": marker, "marker_size": size}
    return {}
