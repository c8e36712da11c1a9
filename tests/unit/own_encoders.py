"""Encoders as a user writes them: one torch.nn.Module, one Encoder, one of two stages, and some with faults."""

from pathlib import Path

MODULE = """
from torch import nn


class TensorTrain(nn.Module):
    def __init__(self, vocab_size, full_width, rank):
        super().__init__()
        self.rows = nn.Embedding(vocab_size, rank)
        self.up = nn.Linear(rank, full_width, bias=False)

    def forward(self, ids):
        return self.up(self.rows(ids))
"""
ENCODER = """
from tokentrial.encoders.base import Encoder, gather


class SharedRows(Encoder):
    def __init__(self, vocab_size, width, full_width, rows=8):
        super().__init__(vocab_size, width, full_width)
        self.rows = rows

    def initialise(self, context):
        return {"table": context.normal("shared_rows", self.rows, self.width) * context.initial_scale}, {}

    def forward(self, parameters, ids):
        return gather(parameters["table"], ids % self.rows)

    def parameter_counts(self):
        return {"embedding": self.rows * self.width}

    def bits_deployed(self):
        return 32 * self.rows * self.width
"""
TWO_STAGE = """
import torch
from tokentrial.encoders.base import Encoder, Stored, gather


class Rounded(Encoder):
    after_training = True

    def __init__(self, vocab_size, width, full_width, bits=4):
        super().__init__(vocab_size, width, full_width)
        self.bits = bits

    @property
    def output_width(self):
        return self.full_width

    def initialise(self, context):
        table = context.trained_table()
        scale = table.abs().amax((1, 2), keepdim=True) / (2 ** (self.bits - 1) - 1)
        return {}, {"codes": (table / scale).round().to(torch.int8), "scale": scale}

    def forward(self, parameters, ids):
        return gather(parameters["codes"], ids).float() * parameters["scale"].unsqueeze(-1)

    def parameter_counts(self):
        return {"embedding": self.vocab_size * self.full_width, "encoder": 1}

    def trained_count(self):
        return self.vocab_size * self.full_width

    def bits_deployed(self):
        return self.vocab_size * self.full_width * self.bits + 32

    def deployed(self, parameters):
        return super().deployed(parameters) | {"codes": Stored(parameters["codes"], self.bits)}
"""


def written(folder: Path, text: str, *changes: tuple[str, str], name: str = "mine.py") -> str:
    """Writes an encoder with changes to its text; returns its path. Each change has to find its place."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return str(path)
