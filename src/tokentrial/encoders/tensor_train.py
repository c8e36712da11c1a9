"""The tensor train of the trained full table: three small tensors (Oseledets 2011; Hrinchuk et al. 2020)."""

import math

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather
from tokentrial.encoders.options import whole_number

CORES = 3


class TensorTrain(Encoder):
    """x = C1[i1] C2[i2] C3[i3], with i1, i2, i3 the digits of a token's number in mixed radix, by TT-SVD.

    rank: the largest width between two tensors. All tokens count equally, as in TT-SVD.
    """

    after_training = True

    def __init__(self, vocab_size: int, width: int, full_width: int, rank: int) -> None:
        super().__init__(vocab_size, width, full_width)
        self.rank = whole_number("tensor_train", "rank", rank, 1, vocab_size * full_width)
        self.digits, self.parts = digits(vocab_size), factors(full_width)
        self.ranks = ranks(rank, self.digits, self.parts)  # between the cores, ones at both ends

    @property
    def output_width(self) -> int:
        return self.full_width

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        # on the CPU, wherever the training runs: another library may flip the sign of a direction
        of_seeds = [cores(table.detach().cpu(), self.rank) for table in context.trained_table()]
        stacked = [torch.stack(values).to(context.device) for values in zip(*of_seeds, strict=True)]
        # a digit's slice in one row: (S, v, r * d * r')
        return {}, {f"core{place}": core.transpose(1, 2).flatten(2) for place, core in enumerate(stacked)}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        seeds, batch, length = ids.shape
        _, second, third = self.digits
        places = (ids // (second * third), ids // third % second, ids % third)
        found = ids.new_ones(seeds, batch * length, 1, 1).to(parameters["core0"].dtype)  # (S, N, d1 d2 .., r)
        for place, digit in enumerate(places):
            left, part, right = self.ranks[place], self.parts[place], self.ranks[place + 1]
            slices = gather(parameters[f"core{place}"], digit).view(seeds, batch * length, left, part * right)
            found = (found @ slices).view(seeds, batch * length, -1, right)
        return found.view(seeds, batch, length, self.full_width)

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of the trained table and of the tensors that replace it."""
        return {"embedding": self.vocab_size * self.full_width, "encoder": self._numbers()}

    def trained_count(self) -> int:
        """The V*D numbers of the table; the tensors follow from them and receive no gradient."""
        return self.vocab_size * self.full_width

    def bits_deployed(self) -> int:
        return 32 * self._numbers()

    def _numbers(self) -> int:
        shapes = zip(self.ranks[:-1], self.digits, self.parts, self.ranks[1:], strict=True)
        return sum(math.prod(shape) for shape in shapes)


def cores(table: Tensor, rank: int) -> list[Tensor]:
    """Returns tensors (r, vk, dk, r') whose product is near a table (V, d), by truncated SVDs (TT-SVD, algorithm 1).

    A token's number and a dimension's are written in mixed radix, V <= v1 v2 v3 and d = d1 d2 d3; ``rank`` is the
    largest r. Rows that fill up the last digit are zeros.
    """
    sizes, parts = digits(len(table)), factors(table.shape[1])
    padded = torch.zeros(math.prod(sizes), table.shape[1])
    padded[: len(table)] = table
    # (v1, v2, v3, d1, d2, d3) -> (v1 d1, v2 d2, v3 d3)
    rest = padded.view(*sizes, *parts).permute(0, 3, 1, 4, 2, 5).contiguous()
    found, left = list[Tensor](), 1
    for v, d in zip(sizes[:-1], parts[:-1], strict=True):
        rest = rest.reshape(left * v * d, -1)
        kept = min(rank, *rest.shape)
        vectors, values, others = torch.linalg.svd(rest, full_matrices=False)
        found.append(vectors[:, :kept].reshape(left, v, d, kept))
        rest, left = values[:kept].unsqueeze(1) * others[:kept], kept
    return [*found, rest.view(left, sizes[-1], parts[-1], 1)]


def decoded(tensors: list[Tensor]) -> Tensor:
    """Returns the table (v1 v2 v3, d1 d2 d3) of tensors (r, vk, dk, r')."""
    found = tensors[0].float().squeeze(0)  # (v1, d1, r)
    for core in tensors[1:]:
        found = torch.einsum("vdr,rwes->vwdes", found, core.float()).flatten(2, 3).flatten(0, 1)
    return found.squeeze(-1)


def ranks(rank: int, sizes: list[int], parts: list[int]) -> list[int]:
    """Returns the widths between the tensors of :func:`cores`, with a one at each end."""
    rows = [v * d for v, d in zip(sizes, parts, strict=True)]
    found = [1]
    for place in range(CORES - 1):
        found.append(min(rank, found[-1] * rows[place], math.prod(rows[place + 1 :])))
    return [*found, 1]


def digits(tokens: int) -> list[int]:
    """Returns three sizes with the least product that holds all tokens, as alike as they can be."""
    side = math.ceil(round(tokens ** (1 / CORES), 9))
    triples = [
        [first, second, -(-tokens // (first * second))]
        for first in range(1, side + 1)
        for second in range(first, 2 * side + 1)
        if second <= -(-tokens // (first * second)) <= 2 * side
    ]
    return min([*triples, [side] * CORES], key=lambda sizes: (math.prod(sizes), sum(sizes)))


def factors(width: int) -> list[int]:
    """Returns three factors of a width, as alike as they can be."""
    triples = [
        [first, second, width // (first * second)]
        for first in range(1, width + 1)
        if width % first == 0
        for second in range(first, width // first + 1)
        if width // first % second == 0 and width // (first * second) >= second
    ]
    return min(triples, key=sum)
