"""What an encoder's module says about it, read from its text: the plan needs it before torch is loaded.

Standard library only. A module that cannot be read or parsed says nothing; the training job reports its faults.
"""

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

FIXED = 4  # arguments of every encoder: self, vocab_size, width, full_width
OF_TABLE = ("trained_table", "source_table")
"""Names whose use makes an encoder start from the trained full table (encoders.base, encoders.tables)."""


class Source(NamedTuple):
    """The facts of an encoder's class.

    options: all option names, None if the class takes any or inherits them; required: those without a default;
    uses_table: whether it starts from the full table, trained on the task; after_training: see encoders.base.Encoder.
    """

    options: tuple[str, ...] | None = None
    required: tuple[str, ...] = ()
    uses_table: bool = False
    after_training: bool = False


@cache
def read(encoder: str) -> Source:
    """Returns the facts of the class in ``tokentrial.encoders.<encoder>``."""
    found = importlib.util.find_spec(f"tokentrial.encoders.{encoder}")
    if found is None or found.origin is None:
        return Source()
    try:
        return of_text(Path(found.origin).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return Source()


def of_text(text: str) -> Source:
    """Returns the facts of the only class with a base in a module's text."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Source()
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    uses_table = not names.isdisjoint(OF_TABLE)
    classes = [part for part in tree.body if isinstance(part, ast.ClassDef) and part.bases]
    if len(classes) != 1:
        return Source(uses_table=uses_table)
    [kind] = classes
    options, required = _options(kind)
    return Source(options, required, uses_table, _is_true(kind, "after_training"))


def _options(kind: ast.ClassDef) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Returns the options of a class, and those without a default."""
    start = next((part for part in kind.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"), None)
    if start is None:
        plain = any(isinstance(base, ast.Name) and base.id == "Encoder" for base in kind.bases)
        return ((), ()) if plain else (None, ())
    given = start.args
    if given.kwarg is not None or given.vararg is not None:
        return None, ()
    place = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    without = place[FIXED : len(place) - len(given.defaults)]
    without += [each.arg for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    return (*place[FIXED:], *(each.arg for each in given.kwonlyargs)), tuple(without)


def _is_true(kind: ast.ClassDef, name: str) -> bool:
    """Whether the class sets this attribute to True."""
    for part in kind.body:
        targets = (
            part.targets if isinstance(part, ast.Assign) else [part.target] if isinstance(part, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = getattr(part, "value", None)
            return isinstance(value, ast.Constant) and value.value is True
    return False
