"""A torch.nn.Module from token ids to vectors, as an encoder of the studies.

Every seed has a module of its own, built after torch's generator was seeded from the stream of that seed. Modules run
in evaluation mode: dropout would make arms of one seed see other vectors.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tokentrial.encoders.base import Context, Encoder, Parameters, Stored
from tokentrial.errors import InputError
from tokentrial.seeds import stream
from tokentrial.training.deployed import bits_in

PREFIX, DOT = "module/", "/"
"""Begins the names of a module's tensors, so that none is one of the task model's; stands for their dots, which a
language model cannot have in a tensor's name."""
NAMES = {
    "vocab_size": ("vocab_size", "num_embeddings", "num_tokens", "n_tokens", "n_vocab", "vocab"),
    "full_width": ("full_width", "embedding_dim", "embed_dim", "d_model", "dim", "hidden_size"),
    "width": ("width",),
}
"""Size -> names of a module's arguments that take it; without any of these, the first two take V and D."""

Forward = Callable[[Mapping[str, Tensor], Tensor], Tensor]


class ModuleEncoder(Encoder):
    """The encoder of a module's class, which a subclass names as ``kind``."""

    kind: ClassVar[type[nn.Module]]

    def __init__(self, vocab_size: int, width: int, full_width: int, **options: Any) -> None:
        super().__init__(vocab_size, width, full_width)
        sizes = {"vocab_size": vocab_size, "width": width, "full_width": full_width}
        self.given = arguments(self.kind, sizes, options)
        template = self._built(0)
        self.call = caller(template)
        named = (name for part in (template.named_parameters(), template.named_buffers()) for name, _ in part)
        self.names = {PREFIX + name.replace(".", DOT): name for name in named}
        state = [*template.parameters(), *template.buffers()]
        self.bits = sum(8 * value.numel() * value.element_size() for value in state)
        self.numbers = sum(value.numel() for value in state if value.is_floating_point())
        self.trained = sum(value.numel() for value in template.parameters() if value.requires_grad)
        with torch.no_grad():
            vectors = template(torch.zeros(1, 1, dtype=torch.int64))
        self.vector_width = width_of(vectors)

    @property
    def output_width(self) -> int:
        return self.vector_width

    def _built(self, seed: int) -> nn.Module:
        """Returns a module whose initial numbers depend on ``seed`` alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.kind(**self.given).eval()
        check_attributes(module)
        return module

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        trainable: dict[str, list[Tensor]] = {}
        frozen: dict[str, list[Tensor]] = {}
        for replicate in context.replicates:
            module = self._built(int(stream(context.seed, "init", "module", replicate).integers(2**63)))
            for name, parameter in module.named_parameters():
                (trainable if parameter.requires_grad else frozen).setdefault(name, []).append(parameter.detach())
            for name, buffer in module.named_buffers():
                frozen.setdefault(name, []).append(buffer.detach())
        return self._stacked(trainable, context), self._stacked(frozen, context)

    @staticmethod
    def _stacked(tensors: Mapping[str, list[Tensor]], context: Context) -> Parameters:
        return {
            PREFIX + name.replace(".", DOT): torch.stack(values).to(context.device) for name, values in tensors.items()
        }

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        """One seed after the other, so that a seed's bits do not depend on the others."""
        own = {self.names[name]: value for name, value in parameters.items() if name in self.names}
        seeds = range(len(ids))
        return torch.stack([self.call({name: value[k] for name, value in own.items()}, ids[k]) for k in seeds])

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": self.numbers}

    def trained_count(self) -> int:
        return self.trained

    def bits_deployed(self) -> int:
        """Bits of all parameters and buffers, at the width of their dtypes."""
        return self.bits

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        kept = {name: value for name, value in parameters.items() if name.startswith(PREFIX)}
        return super().deployed(kept)


def caller(template: nn.Module) -> Forward:
    """Returns the module's forward pass as a function of its tensors; the template's own numbers are not used."""

    def call(tensors: Mapping[str, Tensor], ids: Tensor) -> Tensor:
        vectors: Tensor = functional_call(template, dict(tensors), (ids,))
        return vectors

    return call


def arguments(kind: type[nn.Module], sizes: Mapping[str, int], options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a module's class: sizes under the names that it has for them, and the options.

    Raises InputError for an option that it lacks, or one that it needs and that is not given.
    """
    known = inspect.signature(kind).parameters
    named = [name for name, one in known.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    anything = any(one.kind is one.VAR_KEYWORD for one in known.values())
    given: dict[str, Any] = {}
    for size, names in NAMES.items():
        given |= {name: sizes[size] for name in names if name in named}
    if not any(name in named for name in (*NAMES["vocab_size"], *NAMES["full_width"])):
        given |= dict(zip(named, (sizes["vocab_size"], sizes["full_width"]), strict=False))
    if unknown := [name for name in options if name not in named and not anything]:
        free = [name for name in named if name not in given] or ["none"]
        raise InputError(f"has no such option: {unknown[0]}; expected one of {', '.join(free)}")
    given |= options
    empty = inspect.Parameter.empty
    if missing := [name for name in named if name not in given and known[name].default is empty]:
        raise InputError(f"needs the option '{missing[0]}', found none; give it by --set {missing[0]}=...")
    return given


def width_of(vectors: object) -> int:
    """Returns the width of the vectors of one id (1, 1); raises InputError for another shape or no tensor."""
    if not isinstance(vectors, Tensor):
        raise InputError(f"forward returns a {type(vectors).__name__}, expected a tensor")
    if vectors.dim() != 3 or tuple(vectors.shape[:2]) != (1, 1):
        raise InputError(f"forward: found the shape {tuple(vectors.shape)} for ids (1, 1), expected (1, 1, width)")
    return vectors.shape[2]


def check_attributes(module: nn.Module) -> None:
    """Raises InputError for numbers in attributes: neither a state dict nor a count of bits has them."""
    inside = ("_parameters", "_buffers", "_modules")
    for place, part in module.named_modules():
        for name, value in vars(part).items():
            held = (
                value if isinstance(value, Tensor | np.ndarray | list | tuple | dict) and name not in inside else None
            )
            if bits_in(held):
                where = f"{place}.{name}" if place else name
                raise InputError(f"attribute '{where}' holds numbers, expected a parameter or register_buffer")
