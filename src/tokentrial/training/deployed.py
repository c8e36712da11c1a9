"""Whether an encoder keeps what it declares: the bits and numbers of a trained arm's tensors are counted.

``bits_deployed()`` and ``parameter_counts()`` are an encoder's word. ``deployed()`` hands over the tensors behind them,
and this module counts these and looks whether they are all: an encoder as new has to give every token the trained
vector from them alone. What a forward pass takes from a file, from another module, or from lists and strings in the
code is not seen.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from tokentrial.encoders.base import Encoder, Parameters, Stored
from tokentrial.errors import InputError

# Numbers of vectors that are compared at once, 16 MiB.
NUMBERS = 1 << 22
# Share of the largest number by which vectors may differ: products add up in another order once padding is gone.
TOLERANCE = 1e-5

Forward = Callable[[Tensor], Tensor]


def check_declared(where: str, encoder: Encoder, untrained: Encoder, seeds: Sequence[Parameters]) -> None:
    """Raises InputError where a trained arm's tensors hold more bits or numbers than its encoder declares.

    where: condition, arm and encoder, for the message; untrained: an encoder with the same options that has seen no
    text; seeds: trained and frozen parameters of each seed, (1, ...) each.
    """
    attributes = attribute_bits(untrained)
    held, numbers = [], []
    for parameters in seeds:
        stored = untrained.deployed(parameters)
        held.append({name: bits_of(where, name, one) for name, one in stored.items()} | attributes)
        numbers.append({"parameters": number_count(parameters, stored)})
        check_row_numbers(where, untrained, stored)
        check_complete(where, encoder, untrained, parameters, stored)
    check_total(where, "bits", "bits_deployed()", held, encoder.bits_deployed(), rounded=32)
    check_total(where, "numbers", "parameter_counts()", numbers, sum(encoder.parameter_counts().values()), rounded=1)


def check_total(
    where: str, unit: str, method: str, held: Sequence[Mapping[str, int]], declared: int, rounded: int
) -> None:
    """Raises InputError where the mean over seeds of what is held, by name, exceeds what ``method`` declares.

    rounded: by how much it may, where seeds differ: there, declared numbers are means and rounded.
    """
    totals = [sum(one.values()) for one in held]
    allowed = declared + (rounded if len(set(totals)) > 1 else 0)
    if sum(totals) > allowed * len(totals):
        largest = max(held, key=lambda one: sum(one.values()))
        parts = ", ".join(f"{name} {count:,}" for name, count in largest.items())
        raise InputError(
            f"{where}: found {max(totals):,} {unit} a seed ({parts}), "
            f"expected at most the {declared:,} that {method} declares"
        )


def bits_of(where: str, name: str, stored: Stored) -> int:
    """Bits of a tensor; raises InputError where its elements cannot take as few as the encoder says."""
    values, bits = stored
    width = 8 * values.element_size()
    if not isinstance(bits, int) or bits < 0:
        found = f"found {bits!r} bits for an element of '{name}'"
        raise InputError(f"{where}: deployed(): {found}, expected a whole number")
    if 0 < bits < width and values.numel():
        if values.is_floating_point() or values.is_complex():
            found = f"found {bits} bits for an element of '{name}', whose type is {values.dtype}"
            raise InputError(f"{where}: deployed(): {found}; expected {width}, or another type")
        lowest, highest = (int(value) for value in torch.aminmax(values.long()))
        if highest - lowest >= 2**bits:
            found = f"found {bits} bits for an element of '{name}', whose values go from {lowest} to {highest}"
            raise InputError(f"{where}: deployed(): {found}; expected {(highest - lowest).bit_length()}")
    return values.numel() * bits


def number_count(parameters: Parameters, stored: Mapping[str, Stored]) -> int:
    """Floating-point numbers of a seed, those that only its training needs included; without padding if deployed."""
    tensors = parameters | {name: one.values for name, one in stored.items() if one.values.is_floating_point()}
    return sum(value.numel() for value in tensors.values() if value.is_floating_point())


def check_row_numbers(where: str, encoder: Encoder, stored: Mapping[str, Stored]) -> None:
    """Raises InputError where a tensor of 0 bits says more than which row of the tables each token has.

    Row numbers cost nothing where tokens can be renumbered instead: one number a token, of a row that is stored, and
    the only way in which an id enters the forward pass.
    """
    free = [name for name, one in stored.items() if one.bits == 0]
    if not free:
        return
    name, values = free[0], stored[free[0]].values
    rows = sum(one.values.shape[1] for one in stored.values() if one.bits and one.values.dim() > 1)
    one_each = values.shape == (1, encoder.vocab_size) and not (values.is_floating_point() or values.is_complex())
    if len(free) > 1 or not one_each or int(values.min()) < 0 or int(values.max()) >= rows:
        found = f"found 0 bits for {', '.join(free)}; expected them only for one tensor (1, V) of row numbers"
        raise InputError(f"{where}: deployed(): {found}, below the {rows} rows of its tables")
    tokens = torch.arange(encoder.vocab_size, device=values.device)
    kept = {key: one.values for key, one in stored.items()}
    given, renumbered = partial(encoder.forward, kept), partial(encoder.forward, kept | {name: values.flip(1)})
    if not agree(encoder.output_width, (given, tokens), (renumbered, tokens.flip(0))):
        raise InputError(
            f"{where}: deployed(): found 0 bits for '{name}', but ids used beside it; expected its bits or none"
        )


def check_complete(
    where: str, encoder: Encoder, untrained: Encoder, parameters: Parameters, stored: Mapping[str, Stored]
) -> None:
    """Raises InputError where the stored tensors alone do not give every token its trained vector."""
    device = next((value.device for value in parameters.values()), torch.device("cpu"))
    tokens = torch.arange(encoder.vocab_size, device=device)
    trained = partial(encoder.forward, parameters)
    deployed = partial(untrained.forward, {name: one.values for name, one in stored.items()})
    expected = "expected the trained vectors from the tensors that deployed() returns, and from nothing else"
    try:
        complete = agree(encoder.output_width, (trained, tokens), (deployed, tokens))
    except Exception as error:  # whatever an encoder does without what it hid
        reason = " ".join(str(error).split())
        raise InputError(f"{where}: found {type(error).__name__}: {reason}; {expected}") from None
    if not complete:
        raise InputError(f"{where}: found other vectors; {expected}")


@torch.no_grad()
def agree(width: int, one: tuple[Forward, Tensor], other: tuple[Forward, Tensor]) -> bool:
    """Whether two forward passes give the same vectors, each for its own ids (V,); width: numbers of a vector."""
    size = max(1, NUMBERS // width)
    batches = zip(torch.split(one[1], size), torch.split(other[1], size), strict=True)
    return all(close(one[0](ids.view(1, -1, 1)), other[0](others.view(1, -1, 1))) for ids, others in batches)


def close(one: Tensor, other: Tensor) -> bool:
    largest = float(one.abs().nan_to_num(0.0, 0.0, 0.0).max())
    return one.shape == other.shape and torch.allclose(
        one.float(), other.float(), rtol=0, atol=TOLERANCE * largest, equal_nan=True
    )


def attribute_bits(encoder: Encoder) -> dict[str, int]:
    """Bits of the tensors and arrays in an encoder's attributes, in its classes' and in their modules' variables."""
    kinds = [kind for kind in type(encoder).__mro__ if issubclass(kind, Encoder)]
    modules = [sys.modules[kind.__module__] for kind in kinds if kind.__module__ in sys.modules]
    places = {"self": encoder} | {kind.__name__: kind for kind in kinds} | {each.__name__: each for each in modules}
    return {
        f"{place}.{name}": bits
        for place, owner in places.items()
        for name, value in vars(owner).items()
        if (bits := bits_in(value))
    }


def bits_in(value: object) -> int:
    """Bits of a tensor or array, or of those in a module, list, tuple or dict."""
    if isinstance(value, Tensor):
        return 8 * value.numel() * value.element_size()
    if isinstance(value, np.ndarray):
        return 8 * value.nbytes
    inside: Iterable[object] = ()
    if isinstance(value, torch.nn.Module):
        inside = [*value.parameters(), *value.buffers()]
    elif isinstance(value, list | tuple | dict):
        inside = value.values() if isinstance(value, dict) else value
    return sum(bits_in(one) for one in inside)
