"""Frequency-dependent embeddings: what they cost against one plain table, and against document 003's implementation.

V = 33,278 (WikiText-2), D = 128, batches of 2,048 token ids from Zipf's law. Three sides, same layout, same batches:

- ``plain``: ``torch.nn.Embedding(V, D)``;
- ``masks``: document 003's style, a boolean mask over the batch, an ``nn.Embedding`` and a projection per class;
- ``banded``: ``tokentrial.encoders.banded``.

Dense gradients on all sides, since the project's optimiser is Adam. Three costs: forward and backward; the same with
torch's deterministic algorithms, as training jobs run (new memory is filled then, so a large table costs more); and
with an optimiser step, which goes over every number of every table. The row ``products`` times the layout's matrix
products alone, for each distinct token of a batch once. Sides take turns within each repeat, so a busy machine slows
all; CPU seconds of this process, one thread.

Run: ``python benchmarks/bespoke.py [--repeats 30]``
"""

import argparse
import os
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import numpy as np
import torch
from released_scripts import cpu_seconds
from torch import Tensor, nn

from tokentrial.encoders.banded import Banded
from tokentrial.encoders.base import Context
from tokentrial.seeds import stream

V, D, TOKENS = 33_278, 128, (32, 64)
LAYOUTS: dict[str, dict[str, Any]] = {
    "optimized": {"layout": "optimized"},
    "adaptive": {"layout": "adaptive", "cutoffs": [2_000, 10_000]},
    "ultra_efficient": {"layout": "ultra_efficient"},
}
MODES = (
    ("forward and backward", False, False),
    ("the same with torch's deterministic algorithms, as training jobs run", True, False),
    ("the same and a step of torch.optim.Adam", True, True),
)
WARM_UP = 2
Step = Callable[[int], None]  # of the batch with this number


class Masks(nn.Module):
    """Document 003's implementation style, with a given encoder's layout, row numbers and numbers."""

    def __init__(self, encoder: Banded, parameters: dict[str, Tensor], rows: Tensor) -> None:
        super().__init__()
        layout = encoder.layouts[0]
        ends = torch.tensor(np.cumsum([band.rows for band in layout.bands]))
        bands = torch.searchsorted(ends, rows, right=True)  # (V,)
        self.register_buffer("bands", bands)
        self.register_buffer("local", rows - torch.tensor([0, *ends[:-1].tolist()])[bands])
        numbers = range(len(layout.bands))
        self.tables = nn.ModuleList(
            nn.Embedding.from_pretrained(parameters[f"table_{number}"][0].clone(), freeze=False) for number in numbers
        )
        self.maps = nn.ModuleList(self.own_map(parameters, number) for number in numbers)
        shared = parameters.get("projection")
        self.shared = None if shared is None else nn.Parameter(shared[0].clone())

    @staticmethod
    def own_map(parameters: dict[str, Tensor], number: int) -> nn.Module:
        if f"projection_{number}" not in parameters:
            return nn.Identity()
        weight = parameters[f"projection_{number}"][0]
        made = nn.Linear(*weight.shape, bias=False)
        made.weight = nn.Parameter(weight.T.clone())
        return made

    def forward(self, ids: Tensor) -> Tensor:
        bands, local = self.bands[ids], self.local[ids]
        width = D if self.shared is None else len(self.shared)
        vectors = torch.zeros(*ids.shape, width)
        for number, (table, own) in enumerate(zip(self.tables, self.maps, strict=True)):
            mask = bands == number
            if mask.any():
                mapped = own(table(local[mask]))
                if self.shared is not None:  # pad with zeros, as the released ultra-efficient script does
                    mapped = nn.functional.pad(mapped, (0, width - mapped.shape[-1]))
                vectors[mask] = mapped
        return vectors if self.shared is None else vectors @ self.shared


def banded(options: dict[str, Any], counts: Tensor) -> tuple[Banded, dict[str, Tensor], dict[str, Tensor]]:
    encoder = Banded(V, 0, D, **options)
    context = Context(42, (0,), counts.unsqueeze(0), lambda: torch.empty(0), 1.0, lambda _: None)
    trainable, frozen = encoder.initialise(context)
    return encoder, {name: value.requires_grad_() for name, value in trainable.items()}, frozen


def products(encoder: Banded, trainable: dict[str, Tensor], index: Tensor, batches: Tensor) -> Step:
    """The matrix products of forward and backward alone: rows times map, and the gradients of both."""
    layout = encoder.layouts[0]
    ends = np.cumsum([0] + [band.rows for band in layout.bands])
    used = [np.unique(index[ids.flatten()].numpy()) for ids in batches]
    shapes = [np.histogram(rows, ends)[0].tolist() for rows in used]  # distinct rows of each band in each batch

    def run(batch: int) -> None:
        for number, (rows, band) in enumerate(zip(shapes[batch], layout.bands, strict=True)):
            if band.reach != "direct":
                weight = trainable[f"projection_{number}" if band.reach == "own" else "projection"][0, : band.width]
                codes, slope = memory[: rows * band.width].view(rows, -1), memory[: rows * D].view(rows, D)
                torch.mm(codes, weight)
                torch.mm(codes.T, slope)
                torch.mm(slope, weight.T)

    memory = torch.ones(TOKENS[0] * TOKENS[1] * 2 * D)
    return torch.no_grad()(run)


def step(
    forward: Callable[[Tensor], Tensor],
    parameters: list[Tensor],
    optimiser: torch.optim.Optimizer | None,
    batches: Tensor,
    upstream: Tensor,
) -> Step:
    def run(batch: int) -> None:
        for value in parameters:
            value.grad = None
        vectors = forward(batches[batch])
        vectors.backward(upstream.view_as(vectors))
        if optimiser is not None:
            optimiser.step()

    return run


def sides(options: dict[str, Any], counts: Tensor, batches: Tensor, optimise: bool) -> dict[str, Step]:
    encoder, trainable, frozen = banded(options, counts)
    masks = Masks(encoder, {name: value.detach() for name, value in trainable.items()}, frozen["index"][0])
    plain = nn.Embedding(V, D)
    forwards: dict[str, tuple[Callable[[Tensor], Tensor], list[Tensor]]] = {
        "plain": (plain, list(plain.parameters())),
        "masks": (masks, list(masks.parameters())),
        "banded": (lambda ids: encoder.forward(trainable | frozen, ids.unsqueeze(0)), list(trainable.values())),
    }
    upstream = torch.randn(*TOKENS, D, generator=torch.Generator().manual_seed(1))
    made = {}
    for name, (forward, parameters) in forwards.items():
        optimiser = torch.optim.Adam(parameters) if optimise else None
        made[name] = step(forward, parameters, optimiser, batches, upstream)
    return made | {"products": products(encoder, trainable, frozen["index"][0], batches)}


def largest_difference(options: dict[str, Any], counts: Tensor, ids: Tensor) -> float:
    """The largest difference between a vector of ``banded`` and of ``masks``."""
    encoder, trainable, frozen = banded(options, counts)
    masks = Masks(encoder, {name: value.detach() for name, value in trainable.items()}, frozen["index"][0])
    with torch.no_grad():
        return float((encoder.forward(trainable | frozen, ids.unsqueeze(0))[0] - masks(ids)).abs().max())


def measure(made: dict[str, Step], repeats: int) -> None:
    """Print each side's milliseconds and its ratio to the plain table; sides take turns."""
    seconds: dict[str, list[float]] = {side: [] for side in made}
    for repeat in range(-WARM_UP, repeats):
        for side, run in made.items():
            spent = cpu_seconds(partial(run, repeat + WARM_UP))
            if repeat >= 0:
                seconds[side].append(spent)
    plain = seconds["plain"]
    for side, taken in seconds.items():
        low, middle = min(taken), statistics.median(taken)
        ratios = f"{low / min(plain):5.2f}x ({middle / statistics.median(plain):5.2f}x) of plain"
        print(f"    {side:9} {1e3 * low:7.2f} ({1e3 * middle:7.2f})   {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    law = 1 / np.arange(1, V + 1)
    rng = stream(42, "bespoke_benchmark")
    batches = torch.from_numpy(rng.choice(V, (repeats + WARM_UP, *TOKENS), p=law / law.sum()))
    counts = torch.from_numpy(2_000_000 * law / law.sum()).float()
    distinct = statistics.mean(len(ids.unique()) for ids in batches)
    print(f"V = {V}, D = {D}, {TOKENS[0] * TOKENS[1]} tokens a batch, {distinct:.0f} of them distinct")
    print(f"{repeats} repeats; milliseconds: minimum (median)")
    for title, deterministic, optimise in MODES:
        torch.use_deterministic_algorithms(deterministic)
        print(title)
        for name, layout in LAYOUTS.items():
            print(f"  {name}; largest difference to masks {largest_difference(layout, counts, batches[0]):.1e}")
            measure(sides(layout, counts, batches, optimise), repeats)


if __name__ == "__main__":
    main()
