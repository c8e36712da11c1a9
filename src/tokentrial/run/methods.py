"""From the arms of a run to a row of columns.METHODS for each: method, size, role, and a name for readers."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from tokentrial.run.columns import METHODS
from tokentrial.schema.declared import OWN, Study

SIZE = re.compile(r"_?\d+$")  # of methods that differ in bits alone


def table(studies: Mapping[str, Study], arms: pd.DataFrame) -> pd.DataFrame:
    """A row of columns.METHODS for every arm of every study.

    By study, methods in the order of its file and undeclared ones after them, sizes of one method in the run's order.
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
    name, _, size = arm.partition("-")
    return name, size or None


def _place(row: Mapping[str, Any], known: Sequence[str]) -> int:
    return next((known.index(row[key]) for key in ("method", "family") if row[key] in known), len(known))


def _row(study: Study, name_of_study: str, arm: str, sizes: Collection[str]) -> dict[str, Any]:
    """sizes: those of the study's own encodings; another ending belongs to the arm's name, unless it is a ratio."""
    method, size = _split(arm)
    if arm in study.methods or not size or not (size.isdigit() or size in sizes):
        method, size = arm, None
    return {
        "study": name_of_study,
        "arm": arm,
        "method": method,
        "family": SIZE.sub("", method),
        "size": size,
        "ratio": int(size) if size is not None and size.isdigit() else None,
        "role": study.role(method),
        **_names(study, method, size),
        **_look(study, method),
    }


def _names(study: Study, method: str, size: str | None) -> dict[str, str | None]:
    """Names for readers: ``learned 8:1``, ``bands permuted, ultra-efficient``, ``product quantised (pq_16)``."""
    family = SIZE.sub("", method)
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
    """The method's look, or that of its family."""
    for name in (method, SIZE.sub("", method)):
        declared = study.methods.get(name)
        if declared is not None and declared.look is not None:
            label, color, marker, size = (value for _, value in declared.look)
            return {"label": label or _name(study, name), "color": color, "marker": marker, "marker_size": size}
    return {}
