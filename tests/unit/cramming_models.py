"""Small language models for the tests of cramming: untrained ones, and one trained for a few seconds."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast

from tokentrial.cramming import architectures, folders
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.engine import Settings
from tokentrial.data.tokenise import encode_bpe, train_bpe
from tokentrial.seeds import stream

VOCAB_SIZE, CONTEXT = 280, 64
ARCHITECTURES = ("llama", "neox", "mamba")
SYLLABLES = ("ka", "to", "mi", "ren", "so", "lu", "vi", "den", "po", "ar")
TUNED: dict[str, Any] = {
    "learning_rate": 0.3, "relative": True, "schedule": "cosine", "betas": [0.9, 0.99], "weight_decay": 0.0,
    "steps": 60, "patience": None,
}  # fmt: skip
PAPER = TUNED | {
    "learning_rate": 0.01, "relative": False, "schedule": "constant", "betas": [0.9, 0.9], "weight_decay": 0.01,
}  # fmt: skip


def settings(values: dict[str, Any] = TUNED, **changes: Any) -> Settings:
    return Settings.of(values | changes, "tuned")


def write_texts(folder: Path) -> dict[str, str]:
    """Raw text files like WikiText-2's: headings, empty lines, paragraphs of words of uneven frequency."""
    drawn = stream(5, "words")
    words = ["".join(drawn.choice(SYLLABLES, size=drawn.integers(1, 4))) for _ in range(60)]
    odds = 1 / torch.arange(1, 61).double().numpy()
    files = {}
    for split, paragraphs in {"train": 240, "validation": 40, "test": 90}.items():
        source, lines = stream(5, "text", split), []
        for number in range(paragraphs):
            if number % 4 == 0:
                lines += [" \n", f" = {words[number % 60]} = \n", " \n"]
            lines.append(" " + " ".join(source.choice(words, size=12, p=odds / odds.sum())) + " <unk> . \n")
        path = folder / f"{split}.tokens"
        path.write_text("".join(lines))
        files[split] = str(path)
    return files


def tokenizer_of(files: dict[str, str]) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=bpe(files["train"]), clean_up_tokenization_spaces=False)


@cache
def bpe(path: str) -> Tokenizer:
    return train_bpe(path, VOCAB_SIZE)


def untrained(architecture: str, files: dict[str, str], width: int = 16, scale: float = 1.0) -> folders.LanguageModel:
    """scale: what the initial weights are times; transformers' own are so small that nothing depends on anything."""
    shape = {"architecture": architecture, "width": width, "layers": 2, "context": CONTEXT}
    model = architectures.build(shape, VOCAB_SIZE, 3)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 2 and "A_log" not in name:
                value.mul_(scale)
    return folders.frozen(model, tokenizer_of(files), architecture)


def lively(architecture: str, files: dict[str, str]) -> folders.LanguageModel:
    """In float64, with weights so large that every token's scores depend on all before it."""
    made = untrained(architecture, files, scale=10.0)
    made.model.double()
    return made


def trained(files: dict[str, str], steps: int = 500) -> folders.LanguageModel:
    """A Llama-like model of width 32 that knows the train text a little."""
    shape: dict[str, Any] = {"architecture": "llama", "width": 32, "layers": 2, "context": CONTEXT}
    model = architectures.build(shape, VOCAB_SIZE, 3)
    ids = torch.from_numpy(encode_bpe(files["train"], bpe(files["train"]))).long()
    optimiser, source = torch.optim.Adam(model.parameters(), lr=5e-3), stream(5, "batches")
    for _ in range(steps):
        starts = torch.from_numpy(source.integers(len(ids) - 33, size=16))
        batch = ids[starts.unsqueeze(1) + torch.arange(33)]
        logits = model(input_ids=batch[:, :-1], use_cache=False).logits
        optimiser.zero_grad()
        cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()
        optimiser.step()
    return folders.frozen(model, tokenizer_of(files), "trained")


def write(folder: Path, made: folders.LanguageModel, files: dict[str, str]) -> str:
    """A model folder; the weights are rounded to half precision, as those of the study are."""
    folders.write(folder, made.model, bpe(files["train"]), {"by": "test"})
    return str(folder)


def random_ids(count: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(stream(seed, "ids").integers(VOCAB_SIZE, size=(count, length)))


def random_vectors(count: int, vectors: int, model: folders.LanguageModel, seed: int = 0) -> torch.Tensor:
    drawn = torch.from_numpy(stream(seed, "vectors").standard_normal((count, vectors, model.width)))
    return drawn.to(model.table.dtype) * model.table.std()


def reader(model: folders.LanguageModel) -> Reader:
    return Reader.of(model)


@torch.no_grad()
def continued(model: folders.LanguageModel, vectors: torch.Tensor, first: torch.Tensor, length: int) -> torch.Tensor:
    """Texts (B, length) that the model says itself after vectors (B, m, d) and first tokens (B,), always its argmax."""
    ids = first.unsqueeze(1)
    while ids.shape[1] < length:
        logits = model.model(inputs_embeds=torch.cat([vectors, model.table[ids]], 1), use_cache=False).logits
        ids = torch.cat([ids, logits[:, -1:].argmax(2)], 1)
    return ids
