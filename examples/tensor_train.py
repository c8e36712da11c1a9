"""An encoder of one's own for `tokentrial try`: a table of low rank, as any torch.nn.Module from ids to vectors.

The sizes V and D come under the names vocab_size (or num_embeddings) and full_width (or embedding_dim); other arguments
are options: `tokentrial try examples/tensor_train.py --set rank=2,4,8`.
"""

from torch import Tensor, nn


class TensorTrain(nn.Module):
    """Rows of `rank` numbers and one map to D numbers: the two cores of a tensor train."""

    def __init__(self, vocab_size: int, full_width: int, rank: int) -> None:
        super().__init__()
        self.rows = nn.Embedding(vocab_size, rank)
        self.up = nn.Linear(rank, full_width, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Returns vectors (..., D) of ids (...)."""
        vectors: Tensor = self.up(self.rows(ids))
        return vectors
