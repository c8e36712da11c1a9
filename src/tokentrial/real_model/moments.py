"""How much a language model's loss depends on each direction of its input vectors."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tokentrial.cramming.folders import LanguageModel
from tokentrial.models.linear_cross_entropy import linear_cross_entropy
from tokentrial.real_model.documents import Text

PASSAGES, LENGTH, BATCH = 32, 64, 8  # of the training texts together; predicted tokens of a passage; passages at once


def of_gradients(model: LanguageModel, texts: Sequence[Text], rng: np.random.Generator) -> Tensor:
    """Returns the second moments (d, d) of the loss's gradients with respect to the input vectors of training text.

    For small errors of the vectors, the loss rises by half of their mean product with this matrix (its Fisher
    information), so it tells which directions a rounding may spoil.
    """
    length = min(LENGTH, model.context or LENGTH)
    passages = torch.cat([text.passages(model, PASSAGES // len(texts), length, rng) for text in texts])
    total = torch.zeros(model.width, model.width, dtype=torch.double)
    for ids in torch.split(passages.to(model.table.device), BATCH):
        vectors = model.table.detach()[ids[:, :-1]].requires_grad_()
        hidden = model.hidden(vectors).flatten(0, 1)
        loss = linear_cross_entropy(hidden, model.weight, ids[:, 1:].flatten(), model.bias)
        [slopes] = torch.autograd.grad(loss * ids[:, 1:].numel(), [vectors])
        exact = slopes.flatten(0, 1).double().cpu()
        total += exact.T @ exact
    return total / passages[:, 1:].numel()
