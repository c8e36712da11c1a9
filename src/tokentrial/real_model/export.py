"""A model with another token table, as a folder that every program reads, and its loss read back from there."""

import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from tokentrial.cramming import folders
from tokentrial.errors import InputError

TOKENIZER = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "added_tokens.json", "*.jinja", "*.model")
ROWS = 8  # documents that go through a model at once


def write(source: Path, table: Tensor, folder: Path, tied: bool) -> int:
    """Writes the model in ``source`` with ``table`` (V, d) as its token table, and returns the bytes of its weights.

    tied: whether an output layer that is the same table is replaced, too; if not, it stays, as a matrix of its own.
    Weights are written in float32: those of the body are the model's own, and the table is as it was measured.
    """
    model = folders.plain(source)
    inputs, outputs = model.get_input_embeddings(), model.get_output_embeddings()
    shared = outputs.weight is inputs.weight
    with torch.no_grad():
        if shared and not tied:
            rows, width = outputs.weight.shape
            head = nn.Linear(width, rows, bias=outputs.bias is not None)
            head.weight.copy_(outputs.weight)
            if outputs.bias is not None:
                head.bias.copy_(outputs.bias)
            model.config.tie_word_embeddings = False
            model.set_output_embeddings(head)
        inputs.weight.copy_(table)
    model.save_pretrained(folder)
    for pattern in TOKENIZER:
        for file in source.glob(pattern):
            shutil.copyfile(file, folder / file.name)
    files = list(folder.glob("*.safetensors"))
    for file in files:
        file.chmod(0o644)  # safetensors lets only the owner read the file
    return sum(file.stat().st_size for file in files)


@torch.no_grad()
def loss_of(folder: Path, table: Tensor, ids: Tensor) -> float:
    """Returns the mean loss, nats a token, of ids[:, 1:] after ids (D, T + 1), by transformers' own forward pass.

    Raises InputError if the table of the folder's model is not ``table`` (V, d) to the last bit.
    """
    model, losses = folders.plain(folder), []
    if not torch.equal(model.get_input_embeddings().weight, table):
        raise InputError(f"{folder}: the model that was written has another token table")
    for rows in torch.split(ids, ROWS):
        logits = model(input_ids=rows[:, :-1], use_cache=False).logits
        losses.append(nn.functional.cross_entropy(logits.transpose(1, 2), rows[:, 1:], reduction="none").mean(1))
    return float(torch.cat(losses).double().mean())
