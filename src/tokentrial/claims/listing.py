"""The tables of docs/claims.md: every check, rule and decision with its question and its parameters.

``python -m tokentrial.claims.listing docs/claims.md`` writes them anew; a test compares them.
"""

import inspect
import sys
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from tokentrial.claims.checks import CHECKS
from tokentrial.claims.decisions.deciding import DECIDED
from tokentrial.claims.parameters import parameters_of
from tokentrial.claims.printed import Quantity
from tokentrial.claims.rules import RULES
from tokentrial.claims.rules.contrasts import Pairs, Released
from tokentrial.claims.rules.replicated import Original

BEGIN, END = "<!-- made by python -m tokentrial.claims.listing -->\n", "<!-- end -->\n"
PLAIN = {Quantity: "number", str: "text", int: "whole number", float: "number", bool: "true or false", Any: "value"}


def tables() -> str:
    """Tables in Markdown: checks, rules, the keys of what rules take, decisions."""
    lines = ["| check | question | parameters; those in brackets have a default |", "|---|---|---|"]
    lines += [f"| `{name}` | {CHECKS.questions[name]} | {inputs(CHECKS[name])} |" for name in sorted(CHECKS)]
    lines += ["", "| rule | question | parameters |", "|---|---|---|"]
    lines += [f"| `{name}` | {RULES.questions[name]} | {inputs(RULES[name])} |" for name in sorted(RULES)]
    lines += ["", "| a parameter's | keys |", "|---|---|"]
    lines += [f"| {hint.__name__.lower()} | {_keys(hint)} |" for hint in (Pairs, Released, Original)]
    lines += ["", "| decision of the cramming study | question |", "|---|---|"]
    lines += [f"| `{name}` | {question} |" for name, question in DECIDED.questions.items()]
    return "\n".join(lines) + "\n"


def inputs(function: Callable[..., Any]) -> str:
    """Returns the parameters of a check or a rule with their kinds in words; those in brackets have a default."""
    known = parameters_of(function)
    required = {each.name for each in known if each.default is inspect.Parameter.empty}
    return _named({each.name: each.annotation for each in known}, required)


def _keys(hint: Any) -> str:
    return _named(typing.get_type_hints(hint), hint.__required_keys__)


def _named(hints: Mapping[str, Any], required: Collection[str]) -> str:
    texts = {name: f"{name}: {_words(hint)}" for name, hint in hints.items()}
    return "; ".join(text if name in required else f"[{text}]" for name, text in texts.items())


def _words(hint: Any) -> str:
    """A type as a reader of the registry says it."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return str(inner[1].name).removeprefix("a ")
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (typing.Union, types.UnionType):
        return _words(inner[0])
    if origin is tuple:
        return f"list of {len(inner)} ({_words(inner[0])})"
    if origin is Sequence:
        return f"list ({_words(inner[0])})"
    if origin is Mapping:
        return f"{'name' if inner[0] is str else _words(inner[0])} → {_words(inner[1])}"
    return PLAIN.get(hint) or str(hint.__name__.lower())


def renewed(page: str) -> str:
    """A page with its tables made anew. Raises ValueError for one without the two marks around them."""
    head, _, rest = page.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(f"expected the lines {BEGIN.strip()!r} and {END.strip()!r}")
    return f"{head}{BEGIN}\n{tables()}\n{END}{tail}"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
