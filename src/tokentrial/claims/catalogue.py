"""Checks and rules by name: each registers itself with the question that it answers; its signature says what it takes.

A check takes the parameters of its registry entry and returns a `Finding`; it reads no file and evaluates no text. A
rule is given the results of a run and the claim's reported numbers first, as text, and its parameters by keyword.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Generic, TypeVar

from tokentrial.claims.parameters import bind
from tokentrial.claims.verdict import Finding

Function = TypeVar("Function", bound=Callable[..., Any])
Check = Callable[..., Finding]


DIGITS = "the printed digits: interval arithmetic, no tolerance"
WORDS = "the words of the document, as the author of the entry read them"


class Catalogue(dict[str, Function], Generic[Function]):
    """Functions by name, in the order in which they registered; the question that each answers, and its source.

    A source is what the answer rests on: a publication, a definition, or the printed digits alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.questions: dict[str, str] = {}
        self.sources: dict[str, str] = {}

    def add(self, name: str, function: Function, question: str, source: str = "") -> None:
        """Raises ValueError for a name that is taken."""
        if name in self:
            raise ValueError(f"{name}: there are two of this name")
        self[name], self.questions[name], self.sources[name] = function, question, source


CHECKS: Catalogue[Check] = Catalogue()
RULES: Catalogue[Check] = Catalogue()
Words = Callable[[Mapping[str, Any]], str]
IN_WORDS: dict[str, Words] = {}
"""Rule -> what it decides on, in words made from its parameters; an entry of another rule writes its own decision."""


def check(question: str, source: str = DIGITS) -> Callable[[Function], Function]:
    """Registers a check. source: see `Catalogue`."""

    def register(function: Function) -> Function:
        CHECKS.add(function.__name__, function, question, source)
        return function

    return register


def rule(question: str, words: Words | None = None) -> Callable[[Check], Check]:
    """Registers a rule; whoever calls it, its parameters are compared with its annotations.

    words: the rule in words, made from its parameters, defaults included, so that words and code cannot differ.
    """

    def register(function: Check) -> Check:
        if words is not None:
            defaults = {name: each.default for name, each in inspect.signature(function).parameters.items()}
            IN_WORDS[function.__name__] = lambda given: words(defaults | dict(given))

        @wraps(function)
        def bound(results: Any, reported: Mapping[str, Any], **given: Any) -> Finding:
            return function(results, reported, **bind(function, given))

        RULES.add(function.__name__, bound, question)
        return bound

    return register
