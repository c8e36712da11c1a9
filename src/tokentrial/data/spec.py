"""The specification of a synthetic data set: the closed set of keys, their ranges and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from tokentrial.data.patterns import KINDS, VARIANTS, Kind, Variant, default_noise, smallest_vocabulary
from tokentrial.errors import InputError

Source = Literal["markov", "patterns", "zipf_iid", "zipf_markov"]
Targets = Literal["all", "last"]
Split = Literal["train", "validation", "test"]
Vary = Literal["data", "weights", "order"]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
COMMON = ("source", "vocab_size", "length", "targets", *SPLITS, "shuffle", "relabel", "held_out")
OPTIONAL = ("vary",)
OF_SOURCE: dict[Source, tuple[str, ...]] = {
    "markov": ("chains",),
    "patterns": ("kind", "variant", "noise"),
    "zipf_iid": ("exponent",),
    "zipf_markov": ("exponent", "sharpness"),
}


@dataclass(frozen=True)
class Spec:
    """A checked specification. Keys of other sources are None.

    ``length`` counts all tokens of a sequence, inputs and targets. ``targets``: "all" predicts each of the positions
    1..length-1 from the tokens before, "last" only the last token. ``train``, ``validation`` and ``test`` count
    sequences; with ``held_out`` false, validation and test are the training sequences themselves, as in the released
    code. ``shuffle`` permutes the tokens inside every sequence; ``relabel`` renames all ids at random, equally in every
    split. ``vary`` names what alone differs between replicates: source and sequences, initial weights or the order of
    batches; None: all of it.
    """

    source: Source
    vocab_size: int
    length: int
    targets: Targets
    train: int
    validation: int
    test: int
    shuffle: bool
    relabel: bool
    held_out: bool
    vary: Vary | None = None
    chains: Literal["shared", "per_split"] | None = None
    kind: Kind | None = None
    variant: Variant | None = None
    noise: float | None = None
    exponent: float | None = None
    sharpness: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the keys that apply to this source, with defaults filled in."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}

    def drawn_as(self, purpose: Vary, replicate: int) -> int:
        """Returns the replicate whose streams of a purpose a replicate draws from: its own, or the first one's."""
        return replicate if self.vary in (None, purpose) else 0


def _fail(key: str, found: object, expected: str) -> InputError:
    return InputError(f"data specification: key '{key}': found {found!r}, expected {expected}")


def integer(key: str, value: object, least: int) -> int:
    """Returns a whole number of at least ``least`` (2.0 is read as 2); otherwise raises InputError naming the key."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or int(value) < least:  # type: ignore[call-overload]
        raise _fail(key, value, f"an integer of at least {least}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def _number(key: str, value: object, least: float, most: float, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _fail(key, value, expected)
    return float(value)


def _choice(key: str, value: object, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        raise _fail(key, value, "one of " + ", ".join(choices))
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _fail(key, value, "true or false")
    return value


def _own_keys(source: Source, values: Mapping[str, Any], vocab_size: int) -> dict[str, Any]:
    """Checks and returns the keys that belong only to this source."""
    if source == "markov":
        return {"chains": _choice("chains", values.get("chains", "shared"), ("shared", "per_split"))}
    if source == "patterns":
        kind: Kind = _choice("kind", values.get("kind"), KINDS)
        variant: Variant = _choice("variant", values.get("variant"), VARIANTS)
        noise = values.get("noise", default_noise(kind, variant))
        smallest = smallest_vocabulary(kind, variant)
        if vocab_size < smallest:
            raise _fail("vocab_size", vocab_size, f"at least {smallest} for {variant} '{kind}' patterns")
        return {"kind": kind, "variant": variant, "noise": _number("noise", noise, 0, 1, "a probability from 0 to 1")}
    ceiling = 1e3  # beyond it a Zipf law or a Sinkhorn kernel underflows; finite inputs only
    names = OF_SOURCE[source]
    return {name: _number(name, values.get(name), 0, ceiling, f"a number from 0 to {ceiling:g}") for name in names}


def parse_spec(values: Mapping[str, Any]) -> Spec:
    """Checks a specification and fills in defaults; raises InputError with the key and its found and expected values.

    Defaults: targets "all", shuffle and relabel false, held_out true, chains "shared", noise 0 (0.2 for described
    semi-random patterns). All other keys are required; a key of another source is an error.
    """
    source: Source = _choice("source", values.get("source"), tuple(OF_SOURCE))
    known = (*COMMON, *OPTIONAL, *OF_SOURCE[source])
    for key in values:
        if key not in known:
            raise InputError(
                f"data specification: key '{key}': not known for source '{source}', expected one of {', '.join(known)}"
            )
    vocab_size = integer("vocab_size", values.get("vocab_size"), 2)
    spec = Spec(
        source=source,
        vocab_size=vocab_size,
        length=integer("length", values.get("length"), 2),
        targets=_choice("targets", values.get("targets", "all"), ("all", "last")),
        train=integer("train", values.get("train"), 1),
        validation=integer("validation", values.get("validation"), 1),
        test=integer("test", values.get("test"), 1),
        shuffle=_flag("shuffle", values.get("shuffle", False)),
        relabel=_flag("relabel", values.get("relabel", False)),
        held_out=_flag("held_out", values.get("held_out", True)),
        vary=None if values.get("vary") is None else _choice("vary", values["vary"], get_args(Vary)),
        **_own_keys(source, values, vocab_size),
    )
    if spec.chains == "per_split" and not spec.held_out:
        raise _fail("held_out", False, "true where chains is 'per_split' (one chain for each held-out split)")
    return spec


def complete(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the specification with its defaults. An InputError starts with ``where``, the config's name for it."""
    try:
        return parse_spec(values).as_dict()
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
