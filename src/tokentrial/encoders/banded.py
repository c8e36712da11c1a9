"""Frequency bands with tables of different widths: bespoke dimensions, adaptive input, mixed dimensions, controls."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from tokentrial.encoders.base import Context, Encoder, Parameters, Stored
from tokentrial.encoders.layouts import (
    Integers,
    Layout,
    assign,
    check_counts,
    check_ids,
    ranking,
    row_index,
)
from tokentrial.encoders.schemes import scheme
from tokentrial.errors import InputError
from tokentrial.seeds import stream

ORDERS = ("frequency", "permuted", "reversed")


class Banded(Encoder):
    """A token's row in its band's table, mapped to D numbers (see ``schemes.py`` for the layouts and their options).

    layout: a name in ``schemes.SCHEMES``; options: those of the layout; order: how tokens fill the bands, most frequent
    first, in a random permutation (one per seed), or rarest first, always with the same band sizes. ``width`` is not
    used: the layout sets the widths, relative to ``full_width``.

    Every seed ranks tokens by its own training counts, so band sizes may differ between seeds. Tables are padded with
    zeros to the largest size; padded rows belong to no token and enter no product and no parameter count.
    """

    def __init__(
        self, vocab_size: int, width: int, full_width: int, layout: str, order: str = "frequency", **options: Any
    ) -> None:
        super().__init__(vocab_size, width, full_width)
        if order not in ORDERS:
            raise InputError(f"config: order '{order}' is unknown; expected one of {', '.join(ORDERS)}")
        self.name, self.order = layout, order
        self.scheme = scheme(layout, vocab_size, full_width, **options)
        self.layouts: list[Layout] = []  # one per seed
        if self.scheme.fixed:
            self.layouts = [self.scheme.layout(np.ones(vocab_size))]

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        layouts, bands = [], []
        for seed, values in zip(context.replicates, context.counts.cpu().numpy(), strict=True):
            counts = check_counts(values, self.vocab_size)
            layouts.append(self.scheme.layout(counts))
            bands.append(assign(self._ordered(context, seed, counts), layouts[-1].sizes))
        return self.place(context, layouts, bands)

    def place(
        self, context: Context, layouts: Sequence[Layout], bands: Sequence[Integers]
    ) -> tuple[Parameters, Parameters]:
        """Returns (trainable, frozen) for a layout and band indices (V,) of each seed, by any rule.

        Trainable: ``table_b`` (S, rows, width); ``projection_b`` (S, width, D) and ``bias_b`` (S, 1, D) of a band's own
        map, or one ``projection``. Frozen: ``index`` (S, V), each token's row in its seed's stacked tables, and
        ``shapes`` (S, bands, 2), rows and width of each table.
        """
        self.layouts = list(layouts)
        trainable: Parameters = {}
        for number, band in enumerate(layouts[0].bands):
            seed_bands = [layout.bands[number] for layout in layouts]
            scales = [context.initial_scale * table_gain(layout, number) for layout in layouts]
            tables = [
                stream(context.seed, "init", f"band_{number}", seed).standard_normal((one.rows, one.width), np.float32)
                for seed, one in zip(context.replicates, seed_bands, strict=True)
            ]
            scaled = [np.float32(scale) * table for scale, table in zip(scales, tables, strict=True)]
            trainable[f"table_{number}"] = padded(scaled, context.device)
            if band.reach == "own":
                widths = [one.width for one in seed_bands]
                trainable[f"projection_{number}"] = self._projection(context, f"band_projection_{number}", widths)
            if band.bias:
                trainable[f"bias_{number}"] = torch.zeros(len(layouts), 1, self.full_width, device=context.device)
        if layouts[0].bands[0].reach == "shared":
            widest = [max(band.width for band in layout.bands) for layout in layouts]
            trainable["projection"] = self._projection(context, "band_projection", widest)
        index = np.stack([row_index(one, layout) for one, layout in zip(bands, layouts, strict=True)])
        shapes = [[(band.rows, band.width) for band in layout.bands] for layout in layouts]
        for seed, layout in zip(context.replicates, layouts, strict=True):
            context.log(f"banded {self.name}, seed {seed}: tokens per band {', '.join(map(str, layout.sizes))}")
        frozen = {"index": torch.from_numpy(index), "shapes": torch.tensor(shapes, dtype=torch.int64)}
        return trainable, {name: value.to(context.device) for name, value in frozen.items()}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        """Maps all V rows and looks tokens up, or maps each row of the batch once, whichever is less work.

        The choice depends on V, B and L but not on the number of seeds. So a seed alone and a seed in a batch take the
        same path.
        """
        lowest, highest = torch.aminmax(ids)
        check_ids(int(lowest), int(highest), self.vocab_size)
        rows = parameters["index"].gather(1, ids.flatten(1))  # (S, B*L)
        whole = self.vocab_size <= rows.shape[1]
        vectors = self.map_all(parameters, rows) if whole else self.map_used(parameters, rows)
        return vectors.view(*ids.shape, self.full_width)

    def map_all(self, parameters: Parameters, rows: Tensor) -> Tensor:
        """Returns vectors (S, N, D) of rows (S, N), by mapping every row of every table first.

        Seeds whose tables have the same shape are multiplied together. The shape of a seed's product does not depend on
        the other seeds, so neither do its bits.
        """
        shapes = shapes_of(parameters)
        seeds, numbers = range(len(shapes)), range(len(shapes[0]))
        if all(shape == shapes[0] for shape in shapes):
            tables = [
                leading(leading(parameters[f"table_{one}"], 1, shapes[0][one][0]), 2, shapes[0][one][1])
                for one in numbers  # padded if these seeds were cut out of a larger batch
            ]
            mapped = [mapped_rows(table, *own_map(parameters, one)) for one, table in enumerate(tables)]
            table = torch.cat(mapped, 1).flatten(0, 1)
        else:
            columns = [map_ragged(parameters, one, [shape[one] for shape in shapes]) for one in numbers]
            table = torch.cat([columns[one][seed] for seed in seeds for one in numbers])
        starts = np.cumsum([0] + [sum(one[0] for one in shape) for shape in shapes[:-1]])
        return embedding(rows + torch.from_numpy(starts).to(rows.device).unsqueeze(1), table)

    def map_used(self, parameters: Parameters, rows: Tensor) -> Tensor:
        """Returns vectors (S, N, D) of rows (S, N), by mapping each occurring row once; they come out band by band."""
        shapes = shapes_of(parameters)
        unique = [torch.unique(own, return_inverse=True) for own in rows]  # rising rows, and each token's place in them
        starts = [np.cumsum([0] + [one[0] for one in shape]) for shape in shapes]
        cuts = [
            torch.searchsorted(used, torch.from_numpy(start).to(rows.device)).tolist()
            for (used, _), start in zip(unique, starts, strict=True)
        ]
        parts: list[list[Tensor]] = [[] for _ in shapes]
        for number in range(len(shapes[0])):
            table = parameters[f"table_{number}"]
            # one lookup for all seeds' tables: backward writes one gradient of the table's size, not one per seed
            wanted = [
                unique[seed][0][cuts[seed][number] : cuts[seed][number + 1]] + (seed * table.shape[1] - start[number])
                for seed, start in enumerate(starts)
            ]
            codes = torch.split(embedding(torch.cat(wanted), table.flatten(0, 1)), [len(own) for own in wanted])
            maps = [[None] * len(shapes) if one is None else one.unbind(0) for one in own_map(parameters, number)]
            for seed, (code, matrix, bias) in enumerate(zip(codes, *maps, strict=True)):
                parts[seed].append(mapped_rows(leading(code, 1, shapes[seed][number][1]), matrix, bias))
        vectors = [torch.cat(part).index_select(0, inverse) for (_, inverse), part in zip(unique, parts, strict=True)]
        return torch.stack(vectors)

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of tables and projections; if band sizes differ, the rounded mean over the arm's seeds."""
        if not self.layouts:
            raise InputError(f"layout '{self.name}': its band sizes follow from token counts; initialise it first")
        tables = sum(sum(layout.table_parameters()) for layout in self.layouts)
        projections = sum(layout.projection_parameters() for layout in self.layouts)
        seeds = len(self.layouts)
        return {"embedding": round(tables / seeds), "encoder": round(projections / seeds)}

    def bits_deployed(self) -> int:
        """32 bits per parameter. The map from tokens to rows is not counted: ids ranked by frequency need no map."""
        return 32 * sum(self.parameter_counts().values())

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        """A seed's tables and maps without padding, whose shapes say what ``shapes`` does, and the index."""
        kept = {name: value for name, value in parameters.items() if name != "shapes"}
        (shapes,) = shapes_of(parameters)
        for number, (rows, width) in enumerate(shapes):
            kept[f"table_{number}"] = leading(leading(kept[f"table_{number}"], 1, rows), 2, width)
            if f"projection_{number}" in kept:
                kept[f"projection_{number}"] = leading(kept[f"projection_{number}"], 1, width)
        if "projection" in kept:
            kept["projection"] = leading(kept["projection"], 1, max(width for _, width in shapes))
        return super().deployed(kept) | {"index": Stored(kept["index"], 0)}

    def _ordered(self, context: Context, seed: int, counts: np.ndarray[Any, Any]) -> Integers:
        """Returns token ids (V,) in the order in which they fill the bands."""
        if self.order == "permuted":
            return stream(context.seed, "init", "band_permutation", seed).permutation(self.vocab_size)
        return ranking(counts)[::-1] if self.order == "reversed" else ranking(counts)

    def _projection(self, context: Context, name: str, widths: Sequence[int]) -> Tensor:
        """Draws a matrix (S, width, D) by torch.nn.Linear's initial law; widths may differ between seeds."""
        drawn = [
            stream(context.seed, "init", name, seed).uniform(-1, 1, (width, self.full_width)) / math.sqrt(width)
            for seed, width in zip(context.replicates, widths, strict=True)
        ]
        return padded([values.astype(np.float32) for values in drawn], context.device)


def shapes_of(parameters: Parameters) -> list[list[list[int]]]:
    """[rows, width] of each band's table, of each seed; without padding they are the tables' own."""
    if "shapes" in parameters:
        shapes: list[list[list[int]]] = parameters["shapes"].tolist()
        return shapes
    bands = range(sum(name.startswith("table_") for name in parameters))
    return [[list(parameters[f"table_{number}"].shape[1:]) for number in bands] for _ in parameters["index"]]


def own_map(parameters: Parameters, number: int) -> tuple[Tensor | None, Tensor | None]:
    """Returns the matrix (S, width, D) and bias (S, 1, D) of a band's map; None for each that the band lacks."""
    return parameters.get(f"projection_{number}", parameters.get("projection")), parameters.get(f"bias_{number}")


def mapped_rows(codes: Tensor, matrix: Tensor | None, bias: Tensor | None) -> Tensor:
    """Maps rows (..., n, width) -> (..., n, D). A shared matrix loses the rows that would meet padded zeros."""
    if matrix is None:
        return codes
    product = torch.mm if codes.dim() == 2 else torch.bmm
    mapped = product(codes, leading(matrix, -2, codes.shape[-1]))
    return mapped if bias is None else mapped + bias


def map_ragged(parameters: Parameters, number: int, shapes: Sequence[Sequence[int]]) -> list[Tensor]:
    """Returns one band's mapped table (rows, D) of each seed, for shapes (rows, width) that differ between seeds."""
    tables = parameters[f"table_{number}"].unbind(0)
    # cut once, so that each gradient is assembled once and not for every group
    maps = [None if value is None else value.unbind(0) for value in own_map(parameters, number)]
    groups: dict[tuple[int, ...], list[int]] = {}
    for seed, shape in enumerate(shapes):
        groups.setdefault(tuple(shape), []).append(seed)
    mapped: dict[int, Tensor] = {}
    for (rows, width), members in groups.items():
        codes = torch.stack([tables[seed][:rows, :width] for seed in members])
        chosen = [None if parts is None else torch.stack([parts[seed] for seed in members]) for parts in maps]
        mapped.update(zip(members, mapped_rows(codes, *chosen).unbind(0), strict=True))
    return [mapped[seed] for seed in range(len(shapes))]


def leading(value: Tensor, axis: int, count: int) -> Tensor:
    """Returns the first ``count`` entries along an axis.

    If these are all entries, returns the tensor itself, since a slice costs a copy in the backward pass.
    """
    return value if value.shape[axis] == count else value.narrow(axis, 0, count)


def padded(values: Sequence[np.ndarray[Any, Any]], device: torch.device) -> Tensor:
    """Returns the seeds' matrices as one tensor (S, most rows, most columns), padded with zeros."""
    rows, columns = (max(value.shape[axis] for value in values) for axis in (0, 1))
    stacked = np.zeros((len(values), rows, columns), dtype=np.float32)
    for seed, value in enumerate(values):
        stacked[seed, : value.shape[0], : value.shape[1]] = value
    return torch.from_numpy(stacked).to(device)


def table_gain(layout: Layout, number: int) -> float:
    """Returns the standard deviation of a band's initial table, relative to that of the vectors.

    ASSUME: all bands' vectors start with the standard deviation of a plain random table, so that one learning rate
    means the same to every layout. A matrix U(+-1/sqrt(f)) has variance 1/(3 f), so rows of width w leave it
    with w/(3 f) of their variance; f is the width of the matrix, which is w unless it is shared. Biases start at zero.
    """
    band = layout.bands[number]
    if band.reach == "direct":
        return 1.0
    fan_in = max(other.width for other in layout.bands) if band.reach == "shared" else band.width
    return math.sqrt(3 * fan_in / band.width)
