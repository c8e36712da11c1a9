"""The facts of a model that are reported with its capacities: its size, its loss, its theoretical bound."""

import math

import torch
from torch import Tensor

from tokentrial.cramming.decode import Reader, scores
from tokentrial.cramming.texts import Texts, encode_lines
from tokentrial.errors import InputError
from tokentrial.results import Measurement

MEASURED_TOKENS = 20_000  # first tokens of the validation and test text on which the loss is measured
WINDOW = 128  # predicted tokens of a window
BITS = 16  # of a number of a vector, as the paper counts


def bound(width: int, vocab_size: int) -> float:
    """Returns the tokens that a vector could hold by its bits: 16 d / log2 V (Kuratov et al. 2025, section 5)."""
    return BITS * width / math.log2(vocab_size)


def model_rows(reader: Reader, texts: Texts) -> list[Measurement]:
    """Returns the rows of the arm ``model``; a fact that the model does not have is null."""
    model = reader.model
    layers = getattr(model.model.config, "num_hidden_layers", None)
    without_unit = {
        "width": model.width,
        "layers": layers,
        "vocab_size": model.vocab_size,
        "parameters": sum(value.numel() for value in model.model.parameters()),
        "context": model.context,
        "table_sd": model.deviation,
    }
    rows = [_row(name, value, "1") for name, value in without_unit.items()]
    for split in ("validation", "test"):
        loss, per_byte = losses_of(reader, texts, split)
        rows += [_row(f"{split}_cross_entropy", loss, "nats"), _row(f"{split}_bits_per_byte", per_byte, "bits")]
    return [*rows, _row("bound", bound(model.width, model.vocab_size), "tokens")]


def losses_of(reader: Reader, texts: Texts, split: str) -> tuple[float, float]:
    """Returns the mean cross-entropy on the first tokens of a split: nats per token, and bits per byte.

    The tokens are cut into windows without any context. The bytes are those of the predicted tokens' text.
    """
    ids = torch.from_numpy(encode_lines(reader.model, texts.lines(split), MEASURED_TOKENS)[:MEASURED_TOKENS])
    length = min(WINDOW, (reader.model.context or WINDOW + 1) - 1, len(ids) - 1)
    if length < 1:
        raise InputError(f"{texts.files[split]}: found {len(ids)} tokens, expected at least 2")
    windows = ids.unfold(0, length + 1, length).to(reader.model.table.device)  # a last token starts the next window
    empty = _no_vectors(reader, len(windows))
    nll, _ = scores(reader, empty, windows.contiguous(), predict_first=False)
    predicted = ids[1 : 1 + nll.numel()].tolist()
    size = len(reader.model.tokenizer.decode(predicted, clean_up_tokenization_spaces=False).encode())
    total = float(nll.double().sum())
    return total / nll.numel(), total / math.log(2) / size


def _no_vectors(reader: Reader, count: int) -> Tensor:
    return torch.empty(count, 0, reader.model.width, dtype=reader.model.table.dtype, device=reader.model.table.device)


def _row(metric: str, value: float | None, unit: str) -> Measurement:
    return Measurement("model", 0, "model", None, metric, None if value is None else float(value), unit)
