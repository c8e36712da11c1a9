"""Product codes that the task trains: each token's choice among a few centroids, and the centroids themselves."""

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, Stored, gather
from tokentrial.encoders.options import whole_number
from tokentrial.encoders.product_quantised import nearest
from tokentrial.errors import InputError


class ProductLearned(Encoder):
    """x = the centroids nearest to a token's query, group by group (Chen, Li and Sun 2020, section 2.2, with the
    distances of their variant VQ).

    Backward, the choice is passed over: the query gets the gradient of the vector (straight through), and so do the
    centroids. Use needs the choices and the centroids, not the queries. groups: G; centroids: K per group.
    """

    def __init__(self, vocab_size: int, width: int, full_width: int, groups: int, centroids: int = 64) -> None:
        super().__init__(vocab_size, width, full_width)
        self.groups = whole_number("product_learned", "groups", groups, 1, full_width)
        if full_width % groups:
            raise InputError(
                f"config: arms: product_learned groups: found {groups}, expected a divisor of full_width {full_width}"
            )
        self.centroids = whole_number("product_learned", "centroids", centroids, 2, 256)

    @property
    def output_width(self) -> int:
        return self.full_width

    @property
    def code_bits(self) -> int:
        """Bits of a code: log2 K, rounded up."""
        return (self.centroids - 1).bit_length()

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        queries = context.normal("product_queries", self.vocab_size, self.full_width)
        codebooks = context.normal("product_codebooks", self.groups * self.centroids, self.full_width // self.groups)
        return {"queries": queries * context.initial_scale, "codebooks": codebooks * context.initial_scale}, {}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        if "codes" in parameters:
            return self._vectors(parameters["codebooks"], gather(parameters["codes"], ids).long())
        queries = gather(parameters["queries"], ids)  # (S, B, L, D)
        chosen = self._vectors(parameters["codebooks"], self._choices(parameters["codebooks"], queries))
        return chosen + (queries - queries.detach())

    def _vectors(self, codebooks: Tensor, codes: Tensor) -> Tensor:
        """Returns the centroids (S, B, L, D) of codes (S, B, L, G)."""
        first = torch.arange(self.groups, device=codes.device) * self.centroids  # first row of each group's codebook
        return gather(codebooks, codes + first).flatten(-2)

    @torch.no_grad()
    def _choices(self, codebooks: Tensor, queries: Tensor) -> Tensor:
        """Returns the nearest centroid of every group, (S, B, L, G), for queries (S, B, L, D)."""
        size = self.full_width // self.groups
        parts = queries.reshape(len(queries), -1, self.groups, size)  # (S, N, G, D/G)
        books = codebooks.view(len(queries), self.groups, self.centroids, size)
        of_seeds = [
            torch.stack([nearest(part[:, group].contiguous(), book[group])[0] for group in range(self.groups)], 1)
            for part, book in zip(parts, books, strict=True)
        ]
        return torch.stack(of_seeds).view(*queries.shape[:-1], self.groups)

    def parameter_counts(self) -> dict[str, int]:
        """Numbers that are trained: a query for every token, and the codebooks."""
        return {"embedding": self.vocab_size * self.full_width, "encoder": self.centroids * self.full_width}

    def bits_deployed(self) -> int:
        """log2 K bits, rounded up, for each of V*G codes, and 32 bits for each number of the codebooks."""
        return self.vocab_size * self.groups * self.code_bits + 32 * self.centroids * self.full_width

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        every = torch.arange(self.vocab_size, device=parameters["codebooks"].device).view(1, -1, 1)
        if "codes" in parameters:
            codes = parameters["codes"]
        else:
            codes = (
                self._choices(parameters["codebooks"], gather(parameters["queries"], every)).squeeze(2).to(torch.uint8)
            )
        return {"codes": Stored(codes, self.code_bits), "codebooks": Stored(parameters["codebooks"], 32)}
