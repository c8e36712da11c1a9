"""The texts to cram: natural ones, the model's own, random words and tokens, shuffled and repeated ones.

Length and entropy are decoupled by the kinds. Text i of a kind is made from the stream (seed, "cramming", kind, i),
whatever else is asked for; of any length it is the beginning of the same text, except for ``shuffled`` and
``repeated``, which follow from the beginning of text-test. Where the tokenizer puts a token at the start of every text
(Llama), that token is t_1.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokentrial.cramming.decode import Reader
from tokentrial.cramming.folders import LanguageModel
from tokentrial.errors import InputError
from tokentrial.seeds import stream

Tokens = npt.NDArray[np.int64]
NO_CONTEXT = 2048  # tokens that must follow where a wiki text starts, for a model that has no limit of its own
UNKNOWN = "<unk>"  # what WikiText-2 has in place of a rare word
# Under which name a kind's random stream is drawn, so that the texts are those of earlier runs.
STREAMS = {"text-test": "wiki-test", "text-train": "wiki-train"}
SAMPLED_TOGETHER = 16  # always as many, so that a sample's bits do not depend on how many are asked for


class Texts:
    """All texts of a job: ``ids(kind, length)``; the longest of each kind is made once."""

    def __init__(self, reader: Reader, files: Mapping[str, str | Path], seed: int, count: int, longest: int) -> None:
        """files: the raw text of the splits train, validation and test; count: texts of a kind."""
        self.reader, self.model, self.files = reader, reader.model, files
        self.seed, self.count, self.longest = seed, count, longest
        self.start = start_tokens(reader.model)
        self.special = frozenset(reader.model.tokenizer.all_special_ids)
        self.made: dict[str, Tokens] = {}
        self.raw: dict[str, list[str]] = {}

    def ids(self, kind: str, length: int) -> Tensor:
        """Texts (count, length) int64 on the model's device; raises InputError for a kind that does not exist."""
        if kind not in KINDS:
            raise InputError(f"config: cramming.kinds: found '{kind}', expected one of {', '.join(KINDS)}")
        made = FOLLOW[kind](self, length) if kind in FOLLOW else self.whole(kind)[:, :length]
        return torch.from_numpy(np.ascontiguousarray(made)).to(self.model.table.device)

    def whole(self, kind: str) -> Tokens:
        """The longest texts (count, longest) of a kind that later lengths are cut from."""
        if kind not in self.made:
            self.made[kind] = MADE[kind](self)
        return self.made[kind]

    def lines(self, split: str) -> list[str]:
        if split not in self.raw:
            self.raw[split] = read_lines(self.files[split])
        return self.raw[split]

    def with_start(self, ids: Tokens) -> Tokens:
        """The start token, if the tokenizer has one, then ids, cut to the longest length."""
        return np.concatenate([np.array(self.start, dtype=np.int64), ids])[: self.longest]

    def stream(self, kind: str, index: int) -> np.random.Generator:
        return stream(self.seed, "cramming", STREAMS.get(kind, kind), index)


def read_lines(path: str | Path) -> list[str]:
    """Lines of a text file with their ends; raises InputError for one that is absent, not UTF-8 or empty."""
    try:
        with Path(path).open(encoding="utf-8", newline="\n") as file:
            lines = list(file)
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if not any(line.strip() for line in lines):
        raise InputError(f"{path}: found an empty text, expected some")
    return lines


def encode(model: LanguageModel, text: str) -> list[int]:
    """Token ids of a text, without tokens that a tokenizer adds."""
    return cast(list[int], model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def encode_lines(model: LanguageModel, lines: list[str], wanted: int) -> Tokens:
    """At least ``wanted`` token ids of the first lines, or all there are; line by line, as the models were trained."""
    ids: list[int] = []
    for line in lines:
        ids += encode(model, line)
        if len(ids) >= wanted:
            break
    return np.array(ids, dtype=np.int64)


def start_tokens(model: LanguageModel) -> list[int]:
    """[the token that the tokenizer starts every text with], or []."""
    first = model.tokenizer.bos_token_id
    return [first] if first is not None and first in model.tokenizer("")["input_ids"][:1] else []


def paragraph_starts(lines: list[str], room: int) -> list[int]:
    """Lines that start a paragraph (no heading) with at least ``room`` words from there to the end."""
    words = np.array([len(line.split()) for line in lines])
    left = words[::-1].cumsum()[::-1]
    return [
        number
        for number, line in enumerate(lines)
        if words[number] > 0 and not line.lstrip().startswith("=") and left[number] >= room
    ]


def _wiki(texts: Texts, kind: str, split: str) -> Tokens:
    """Text i starts at the i-th of the paragraphs in random order, so that no two are the same."""
    lines, path = texts.lines(split), texts.files[split]
    room = texts.model.context or max(NO_CONTEXT, texts.longest)
    starts = paragraph_starts(lines, room)
    if len(starts) < texts.count:
        found = f"found {len(starts)} paragraphs with {room} words from there on"
        raise InputError(f"{path}: {found}, expected at least {texts.count}, one for each text")
    order = stream(texts.seed, "cramming", STREAMS[kind]).permutation(len(starts))
    made = []
    for index in range(texts.count):
        ids = texts.with_start(encode_lines(texts.model, lines[starts[order[index]] :], texts.longest))
        if len(ids) < texts.longest:
            raise InputError(f"{path}: text {index} has {len(ids)} tokens, expected at least {texts.longest}")
        made.append(ids)
    return np.stack(made)


def _random_words(texts: Texts) -> Tokens:
    """Types of the train text, each alike, joined by spaces."""
    # ASSUME: types of the train text stand in for the paper's 100,000 most frequent words of GloVe.
    types = sorted({word for line in texts.lines("train") for word in line.split()} - {UNKNOWN})
    made = []
    for index in range(texts.count):
        words = texts.stream("random-words", index).integers(len(types), size=texts.longest)
        ids = encode(texts.model, " " + " ".join(types[word] for word in words))
        made.append(texts.with_start(np.array(ids, dtype=np.int64)))
    return np.stack(made)


def _random_tokens(texts: Texts) -> Tokens:
    """Ids of the tokenizer, each alike, without its special tokens."""
    usable = np.array([i for i in range(len(texts.model.tokenizer)) if i not in texts.special], dtype=np.int64)
    drawn = [texts.stream("random-tokens", i).integers(len(usable), size=texts.longest) for i in range(texts.count)]
    return np.stack([texts.with_start(usable[row]) for row in drawn])


@torch.no_grad()
def _samples(texts: Texts) -> Tokens:
    """The model's own texts, temperature 1, after the start token or else a random token of the train text."""
    made = []
    for first in range(0, texts.count, SAMPLED_TOGETHER):
        streams = [texts.stream("samples", first + row) for row in range(SAMPLED_TOGETHER)]
        starts = np.array([texts.start or [_train_token(texts, drawn)] for drawn in streams], dtype=np.int64)
        made.append(_continue(texts.reader, starts, streams, texts.longest))
    return np.concatenate(made)[: texts.count]


def _train_token(texts: Texts, drawn: np.random.Generator) -> int:
    """A random token of a random line of the train text."""
    lines = texts.lines("train")
    while True:
        ids = encode(texts.model, lines[drawn.integers(len(lines))])
        if ids:
            return ids[drawn.integers(len(ids))]


def _continue(reader: Reader, ids: Tokens, streams: list[np.random.Generator], length: int) -> Tokens:
    """Sampled continuations (B, length) of ids (B, 1): token by token, by the inverse of the distribution."""
    table = reader.model.table
    inputs = table[torch.from_numpy(ids).to(table.device)]
    while ids.shape[1] < length:
        logits = torch.cat(
            [reader.head.logits(reader.hidden(inputs[part])[:, -1]) for part in reader.batches(*inputs.shape[:2])]
        )
        chances = torch.softmax(logits.cpu().double() * np.log(2), 1).numpy().cumsum(1)
        drawn = np.array([source.random() for source in streams])
        next_ids = (chances < drawn[:, None] * chances[:, -1:]).sum(1)
        ids = np.concatenate([ids, next_ids[:, None]], 1)
        inputs = torch.cat([inputs, table[torch.from_numpy(next_ids).to(table.device)].unsqueeze(1)], 1)
    return ids[:, :length]


def _shuffled(texts: Texts, length: int) -> Tokens:
    """The tokens of a text-test text in random order; a start token stays where it is."""
    kept, made = len(texts.start), texts.whole("text-test")[:, :length].copy()
    for index, row in enumerate(made):
        row[kept:] = texts.stream("shuffled", index).permutation(row[kept:])
    return made


def _repeated(texts: Texts, length: int) -> Tokens:
    """The first quarter of a text-test text, again and again."""
    quarter = texts.whole("text-test")[:, : max(1, length // 4)]
    return np.tile(quarter, (1, length // quarter.shape[1] + 1))[:, :length]


MADE: dict[str, Callable[[Texts], Tokens]] = {
    "text-test": lambda texts: _wiki(texts, "text-test", "test"),
    "text-train": lambda texts: _wiki(texts, "text-train", "train"),
    "samples": _samples,
    "random-words": _random_words,
    "random-tokens": _random_tokens,
}
FOLLOW: dict[str, Callable[[Texts, int], Tokens]] = {"shuffled": _shuffled, "repeated": _repeated}
KINDS = (*MADE, *FOLLOW)


def start_vectors(model: LanguageModel, seed: int, kind: str, index: int, count: int) -> Tensor:
    """Initial vectors (count, d) of a text: N(0, 1) times the standard deviation of the table, as released.

    The stream is the text's own, so it starts alike in any batch, length and arm, and the first of several vectors is
    the one vector.
    """
    drawn: Any = stream(seed, "cramming", "vectors", STREAMS.get(kind, kind), index).standard_normal(
        (count, model.width)
    )
    return torch.from_numpy(drawn).to(model.table.device, model.table.dtype) * model.deviation
