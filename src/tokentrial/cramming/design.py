"""The batches of a cramming job, and checks of its experiment and model before anything is optimised.

design: a job's specification (see studies.cramming.jobs).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tokentrial.cramming.controls import CONTROLS, SHARING
from tokentrial.cramming.engine import Settings
from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.texts import FROM_NATURAL, KINDS
from tokentrial.errors import InputError
from tokentrial.models.linear_cross_entropy import PRECISIONS

PROBES = ("bits", "dimensions", "line", "following")  # of the vectors of solved texts; see cramming.probes
FIRST_SETTINGS = "tuned"  # the arm whose settings the control ``shared`` uses, if the experiment has this arm


@dataclass(frozen=True)
class Batch:
    """All texts of one length with one number of vectors under one arm, or under a control."""

    settings: str  # the arm whose settings are used
    control: str | None
    length: int
    vectors: int

    @property
    def arm(self) -> str:
        return self.settings if self.control is None else f"control.{self.control}"

    @property
    def place(self) -> str:
        """The end of the condition's name."""
        return f"n-{self.length}-m-{self.vectors}"

    @property
    def name(self) -> str:
        return f"{self.arm} {self.place}"


def places(design: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Returns (length, vectors) of every batch, without repetition."""
    per_vector = design["per_vector"]
    pairs = [(length * (m if per_vector else 1), m) for m in design["vectors"] for length in design["lengths"]]
    return list(dict.fromkeys(pairs))


def progressive(design: Mapping[str, Any]) -> list[str]:
    """Returns the arms whose texts grow from their last solution; all others start anew at every length."""
    return [arm for arm, settings in design["arms"].items() if settings.get("progressive")]


def batches(design: Mapping[str, Any]) -> list[Batch]:
    """Returns all batches in the order of the work, without those of progressive arms.

    ``prefix`` uses no vectors, so it has one batch for each length.
    """
    arms = [arm for arm in design["arms"] if arm not in progressive(design)]
    shared = FIRST_SETTINGS if FIRST_SETTINGS in arms else next(iter(arms), "")
    listed = [Batch(arm, None, *place) for arm in arms for place in places(design)]
    first = {length: (length, vectors) for length, vectors in reversed(places(design))}
    for control in design["controls"]:
        chosen = list(reversed(first.values())) if control == "prefix" else places(design)
        listed += [Batch(shared, control, *place) for place in chosen]
    return listed


def check(design: Mapping[str, Any]) -> None:
    """Raises InputError for a value with which no model could run."""
    where = f"config: {design['condition']}"
    _known(f"{where}: kinds", design["kinds"], KINDS)
    _known(f"{where}: controls", design["controls"], CONTROLS)
    _known(f"{where}: probes", design.get("probes", ()), PROBES)
    _known(f"{where}: precision", [design["precision"]], PRECISIONS)
    if not design["kinds"] or not design["arms"] or not places(design):
        raise InputError(f"{where}: found no kinds, arms, lengths or vectors, expected at least one of each")
    for name, values in design["arms"].items():
        Settings.of(values, name)
    _check_progressive(design, where)
    least = SHARING if "shared" in design["controls"] else 1
    if design["texts"] < least:
        raise InputError(f"{where}: texts: found {design['texts']}, expected at least {least}")
    for length, vectors in places(design):
        _check_place(where, length, vectors)


def _check_progressive(design: Mapping[str, Any], where: str) -> None:
    growing = progressive(design)
    if not growing:
        return
    for kind in design["kinds"]:
        if kind in FROM_NATURAL:
            raise InputError(
                f"{where}: kinds: found '{kind}', another text at every length; {growing[0]} needs one text"
            )
    if len(growing) == len(design["arms"]) and (design["controls"] or design["search"] or design.get("probes")):
        raise InputError(f"{where}: arms: found {growing[0]} alone, expected an arm for controls, search and probes")


def _check_place(where: str, length: int, vectors: int) -> None:
    if vectors < 1:
        raise InputError(f"{where}: vectors: found {vectors}, expected at least 1")
    if length < 1:
        raise InputError(f"{where}: lengths: found an empty text of {length} tokens, expected at least 2")
    if length < 2:
        raise InputError(f"{where}: lengths: found {length}, expected at least 2: the first token is never predicted")
    if vectors > length:
        raise InputError(f"{where}: vectors: found {vectors} for a text of {length} tokens, expected at most {length}")


def check_model(design: Mapping[str, Any], model: LanguageModel) -> None:
    """Raises InputError for a text that does not fit into the model's context together with its vectors."""
    if model.context is None:
        return
    for length, vectors in places(design):
        if length + vectors > model.context:
            found = f"found a text of {length} tokens and {vectors} vectors"
            most = f"expected at most {model.context - vectors} tokens: the model's context is {model.context}"
            raise InputError(f"config: {design['condition']}: lengths: {found}, {most}")


def _known(where: str, names: Iterable[str], expected: Iterable[str]) -> None:
    for name in names:
        if name not in expected:
            raise InputError(f"{where}: found '{name}', expected one of {', '.join(expected)}")
