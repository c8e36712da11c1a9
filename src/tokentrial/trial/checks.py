"""What can be wrong with an encoder, looked at in seconds: shapes, gradients, seeds, options, bits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, instance
from tokentrial.errors import InputError
from tokentrial.training.deployed import attribute_bits, bits_of, check_declared
from tokentrial.trial.candidates import Candidate

SEEDS = (0, 1)
SEED = 42
OK, WRONG = "ok", "wrong"


@dataclass(frozen=True)
class Sizes:
    """V, d_c and D of the condition, and the names of its task model's tensors."""

    vocab_size: int
    width: int
    full_width: int
    head: frozenset[str] = frozenset(("bias", "hidden", "output"))


@dataclass(frozen=True)
class Finding:
    """One check: its name, how it ended, and what was found."""

    check: str
    result: str
    said: str


@dataclass
class Built:
    """An encoder and its initial tensors of both seeds."""

    encoder: Encoder
    trainable: Parameters
    frozen: Parameters

    @property
    def tensors(self) -> Parameters:
        return self.trainable | self.frozen


def build(candidate: Candidate, sizes: Sizes, options: Mapping[str, Any]) -> Encoder:
    """Returns an encoder as new. Raises InputError for options that it lacks, and for any error of its code."""
    with candidate.told("__init__"):
        three = (sizes.vocab_size, sizes.width, sizes.full_width)
        return instance(candidate.where, candidate.kind, *three, options)


def context(sizes: Sizes, seeds: Sequence[int]) -> Context:
    """Returns what an encoder starts from, with a random table in place of the trained one."""
    counts = (1000.0 / torch.arange(1, sizes.vocab_size + 1)).ceil().repeat(len(seeds), 1)
    start: Context = Context(
        SEED,
        tuple(seeds),
        counts,
        lambda: start.normal("full_table", sizes.vocab_size, sizes.full_width),
        1.0,
        lambda message: None,
    )
    return start


def initial(candidate: Candidate, sizes: Sizes, options: Mapping[str, Any], seeds: Sequence[int]) -> Built:
    """Returns an encoder with its initial tensors; raises InputError where they are none of one row a seed."""
    encoder = build(candidate, sizes, options)
    with candidate.told("initialise"):
        returned = encoder.initialise(context(sizes, seeds))
    if not (isinstance(returned, tuple) and len(returned) == 2 and all(isinstance(part, dict) for part in returned)):
        raise InputError(f"{candidate.where}: initialise returns no pair of dicts, expected (trainable, frozen)")
    for name, value in (returned[0] | returned[1]).items():
        if not isinstance(value, Tensor) or value.shape[:1] != (len(seeds),):
            found = f"a {type(value).__name__}" if not isinstance(value, Tensor) else f"the shape {tuple(value.shape)}"
            raise InputError(f"{candidate.where}: tensor '{name}': found {found}, expected one row a seed, (S, ...)")
        if name in sizes.head:
            raise InputError(f"{candidate.where}: tensor '{name}' is the task model's; expected another name")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise InputError(f"{candidate.where}: tensor '{name}': found NaN or infinite, expected finite numbers")
    return Built(encoder, *returned)


def vectors(candidate: Candidate, built: Built, parameters: Parameters, ids: Tensor) -> Tensor:
    """Returns the vectors of ids (S, B, L); raises InputError for another shape, or numbers that are not finite."""
    with candidate.told("forward"):
        returned = built.encoder.forward(parameters, ids)
        width = built.encoder.output_width
    expected = (*ids.shape, width)
    if not isinstance(returned, Tensor) or tuple(returned.shape) != expected:
        found = f"the shape {tuple(returned.shape)}" if isinstance(returned, Tensor) else type(returned).__name__
        said = f"found {found} for ids {tuple(ids.shape)}, expected {expected}"
        raise InputError(f"{candidate.where}: forward: {said}: (S, B, L, output_width)")
    if not returned.is_floating_point() or not bool(returned.detach().isfinite().all()):
        kind = "NaN or infinite numbers" if returned.is_floating_point() else str(returned.dtype)
        raise InputError(f"{candidate.where}: forward: found {kind}, expected finite floating-point numbers")
    return returned


def shapes(candidate: Candidate, sizes: Sizes, options: Mapping[str, Any]) -> str:
    """Vectors (S, B, L, output_width), finite, and the same for a token wherever it stands."""
    built = initial(candidate, sizes, options, SEEDS)
    every = torch.arange(sizes.vocab_size)
    table = vectors(candidate, built, built.tensors, every.view(1, -1, 1).expand(len(SEEDS), -1, 1)).squeeze(2)
    ids = torch.randint(sizes.vocab_size, (len(SEEDS), 3, 5), generator=torch.Generator().manual_seed(0))
    found = vectors(candidate, built, built.tensors, ids)
    expected = torch.stack([table[seed][ids[seed]] for seed in range(len(SEEDS))])
    if not torch.allclose(found, expected, rtol=1e-4, atol=1e-5):
        raise InputError(f"{candidate.where}: forward: found vectors that depend on other tokens, expected one a token")
    distinct = len(torch.unique(table[0].detach(), dim=0))
    return f"{built.encoder.output_width} numbers a token; {distinct} of {sizes.vocab_size} vectors differ"


def gradients(candidate: Candidate, sizes: Sizes, options: Mapping[str, Any]) -> str:
    """Every trainable tensor has a finite gradient."""
    built = initial(candidate, sizes, options, SEEDS)
    if not built.trainable:
        return "nothing is trained with the task: a code that is made before it"
    leaves = {name: value.detach().clone().requires_grad_() for name, value in built.trainable.items()}
    ids = torch.arange(sizes.vocab_size).view(1, -1, 1).expand(len(SEEDS), -1, 1)
    output = vectors(candidate, built, leaves | built.frozen, ids)
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    if not output.requires_grad:
        raise InputError(
            f"{candidate.where}: forward: found vectors without a gradient, expected one of {list(leaves)}"
        )
    with candidate.told("backward"):
        found = torch.autograd.grad((output * weights).sum(), list(leaves.values()), allow_unused=True)
    for name, gradient in zip(leaves, found, strict=True):
        if gradient is None or not bool(gradient.any()):
            raise InputError(f"{candidate.where}: tensor '{name}': found no gradient, expected one, or a frozen tensor")
        if not bool(gradient.isfinite().all()):
            raise InputError(f"{candidate.where}: tensor '{name}': found a gradient that is NaN or infinite")
    numbers = sum(value[0].numel() for value in leaves.values())
    return f"{numbers:,} numbers a seed in {', '.join(leaves)}"


def seed_independence(candidate: Candidate, sizes: Sizes, options: Mapping[str, Any]) -> str:
    """A seed's numbers depend neither on the seeds beside it nor on torch's global generator."""
    torch.manual_seed(1)
    both = initial(candidate, sizes, options, SEEDS)
    torch.manual_seed(2)
    alone = initial(candidate, sizes, options, SEEDS[1:])
    ids = torch.arange(sizes.vocab_size).view(1, -1, 1)
    for name, value in alone.tensors.items():
        if name not in both.tensors or not torch.equal(both.tensors[name][1:], value):
            other = f"tensor '{name}' of seed 1 differs beside another seed, or from one call to the next"
            raise InputError(f"{candidate.where}: {other}; expected draws from context.normal or context.uniform")
    together = vectors(candidate, both, both.tensors, ids.expand(2, -1, -1))
    if not torch.allclose(together[1:], vectors(candidate, alone, alone.tensors, ids), rtol=1e-5, atol=1e-6):
        raise InputError(f"{candidate.where}: forward: found other vectors of seed 1 beside seed 0, expected the same")
    same = all(torch.equal(value[0], value[1]) for value in both.tensors.values())
    return "both seeds start from the same numbers" if same else "seed 1 alone and beside seed 0: the same bits"


def bits(candidate: Candidate, sizes: Sizes, options: Mapping[str, Any]) -> str:
    """The tensors that use needs hold as many bits and numbers as the encoder declares, and suffice."""
    built = initial(candidate, sizes, options, SEEDS)
    counted = checked_bits(candidate, sizes, options, built.encoder, built.tensors, len(SEEDS))
    return f"{counted:,} bits as declared; the full table has {32 * sizes.vocab_size * sizes.full_width:,}"


def checked_bits(
    candidate: Candidate, sizes: Sizes, options: Mapping[str, Any], encoder: Encoder, tensors: Parameters, seeds: int
) -> int:
    """Returns the bits of a seed, counted from its tensors; raises InputError for a declared number that differs."""
    each = [{name: value[k : k + 1].detach() for name, value in tensors.items()} for k in range(seeds)]
    untrained = build(candidate, sizes, options)
    with candidate.told("deployed"):
        check_declared(candidate.where, encoder, untrained, each)
        declared = encoder.bits_deployed()
        held = [untrained.deployed(one) for one in each]
    attributes = sum(attribute_bits(untrained).values())
    counted = [attributes + sum(bits_of(candidate.where, name, one) for name, one in each.items()) for each in held]
    mean = round(sum(counted) / seeds)
    slack = 32 if len(set(counted)) > 1 else 0  # where seeds differ, declared numbers are means and rounded
    if abs(declared - mean) > slack:
        found = f"found {declared:,} bits in bits_deployed(), expected the {mean:,} of its tensors"
        raise InputError(f"{candidate.where}: {found} ({', '.join(held[0])})")
    return declared


CHECKS: Mapping[str, Callable[[Candidate, Sizes, Mapping[str, Any]], str]] = {
    "shapes": shapes,
    "gradients": gradients,
    "seeds": seed_independence,
    "bits": bits,
}


def findings(candidate: Candidate, sizes: Sizes, sweep: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Finding]]:
    """Yields every check of every combination of options, each with a name for the combination."""
    for options in sweep:
        called = ", ".join(f"{name}={value}" for name, value in options.items())
        try:
            build(candidate, sizes, options)
        except InputError as error:
            yield called, Finding("options", WRONG, str(error))
            continue
        yield called, Finding("options", OK, called or "none given")
        for name, check in CHECKS.items():
            try:
                yield called, Finding(name, OK, check(candidate, sizes, options))
            except InputError as error:
                yield called, Finding(name, WRONG, str(error))


def require(candidate: Candidate, sizes: Sizes, sweep: Sequence[Mapping[str, Any]]) -> None:
    """Raises InputError for the first check that does not end well."""
    for _, finding in findings(candidate, sizes, sweep):
        if finding.result == WRONG:
            raise InputError(finding.said)
