"""Principal components of the task-trained table: the closed-form optimum of a linear autoencoder."""

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather
from tokentrial.encoders.tables import source_table, standardise, token_weights


class Pca(Encoder):
    """Frozen codes: the table's coordinates in its d_c leading count-weighted principal directions.

    By Eckart and Young (1936), no linear map to d_c numbers and back has a smaller squared error. Baldi and Hornik
    (1989) show that this map is a linear autoencoder's global optimum. Table and weights are those of the autoencoder.
    """

    def __init__(self, vocab_size: int, width: int, full_width: int, table: str = "task") -> None:
        super().__init__(vocab_size, width, full_width)
        self.source = table

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        table = source_table(context, self.source, self.vocab_size, self.full_width)
        # on the CPU, wherever the training runs: another library may flip the sign of a direction
        codes, _ = principal_components(table.cpu(), token_weights(context.counts).cpu(), self.width)
        return {}, {"table": standardise(codes.to(context.device), context)}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return gather(parameters["table"], ids)

    def parameter_counts(self) -> dict[str, int]:
        return {"embedding": self.vocab_size * self.full_width, "encoder": self.full_width * self.width}

    def trained_count(self) -> int:
        return self.vocab_size * self.full_width if self.source == "task" else 0


def principal_components(table: Tensor, weights: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Returns codes (S, V, width) and the weighted mean squared error (S,) of the best rank-``width`` reconstruction.

    table (S, V, D), weights (S, V) with sum 1. The table is centred on its weighted mean. Computed in float64.
    """
    exact, share = table.double(), weights.double().unsqueeze(-1)
    centred = exact - (exact * share).sum(1, keepdim=True)
    _, singular, directions = torch.linalg.svd(centred * share.sqrt(), full_matrices=False)
    codes = centred @ directions[:, :width].mT  # (S, V, width)
    if codes.shape[-1] < width:  # fewer tokens than dimensions: the other dimensions carry nothing
        codes = torch.nn.functional.pad(codes, (0, width - codes.shape[-1]))
    residual = singular[:, width:].square().sum(-1) / table.shape[-1]
    return codes.float(), residual.float()
