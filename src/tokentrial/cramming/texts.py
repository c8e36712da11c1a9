"""The texts to cram: natural texts, the model's samples, random words and tokens, shuffled and repeated texts.

The kinds decouple length and entropy. Text i of a kind comes from the random stream (seed, "cramming", kind, i) and
does not depend on the other texts of a job. At every length it is the beginning of the same text; only ``shuffled`` and
``repeated`` texts are made anew for each length, from the beginning of text-test. If the tokenizer puts a token at the
start of every text (Llama), this token is t_1.

The list of natural texts depends on the corpus and the seed alone: every model gets the same passages, and a model with
a short context lacks their long lengths. A text's digest is that of its words, or of the decoded tokens of a text that
a model or its tokenizer makes. The digest is the same at every length. Texts of two models are paired by it.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokentrial.cramming.assumptions import check_text, ids_of, special_ids, start_ids
from tokentrial.cramming.decode import Continuation, Reader
from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.keeping import Keeping
from tokentrial.errors import InputError
from tokentrial.seeds import stream

Tokens = npt.NDArray[np.int64]
ROOM = (
    512  # words that must follow the start of a natural text, or the tokens of a job's longest text if these are more
)
DIGEST_WORDS, DIGEST_TOKENS = 64, 16  # of a text's beginning that its digest is of
UNKNOWN = "<unk>"  # stands for a rare word in WikiText-2
# Kind -> the name of its random stream, if it is another one, so that the texts are those of earlier runs.
STREAMS = {"text-test": "wiki-test", "text-train": "wiki-train"}
SAMPLED_TOGETHER = 16  # always this number, so that a sample's bits do not depend on the number of texts


class Passage(NamedTuple):
    """The place of a natural text in its split: the number of its first line, and its first words."""

    line: int
    words: str


class Texts:
    """All texts of a job: ``ids(kind, length)``; the longest texts of each kind are made once."""

    def __init__(
        self,
        reader: Reader,
        files: Mapping[str, str | Path],
        seed: int,
        count: int,
        longest: int,
        room: int | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """files: the raw text of the splits train, validation and test; count: number of texts of a kind.

        room: words that must follow the start of a natural text; None for ``ROOM``, or ``longest`` if that is more;
        keeping: keeps the model's samples for other jobs.
        """
        self.reader, self.model, self.files = reader, reader.model, files
        self.seed, self.count, self.longest = seed, count, longest
        self.keeping = keeping or Keeping()
        self.room = max(ROOM, longest) if room is None else room
        self.beginning = max(longest, DIGEST_TOKENS)  # tokens of a text that are made
        self.start, self.name = start_tokens(reader.model), reader.model.model.name_or_path or "the model"
        self.special = special_ids(reader.model.tokenizer)
        self.longest_texts: dict[str, Tokens] = {}
        self.known_passages: dict[str, list[Passage]] = {}
        self.known_digests: dict[str, list[str]] = {}
        self.raw: dict[str, list[str]] = {}

    def ids(self, kind: str, length: int) -> Tensor:
        """Returns texts (count, length) int64 on the model's device; raises InputError for an unknown kind."""
        if kind not in KINDS:
            raise InputError(f"config: cramming.kinds: found '{kind}', expected one of {', '.join(KINDS)}")
        ids = FROM_NATURAL[kind](self, length) if kind in FROM_NATURAL else self.whole(kind)[:, :length]
        return torch.from_numpy(np.ascontiguousarray(ids)).to(self.model.table.device)

    def whole(self, kind: str) -> Tokens:
        """Returns the beginnings (count, at least longest) of a kind's texts, from which shorter texts are cut."""
        if kind not in self.longest_texts:
            self.longest_texts[kind] = WHOLE[kind](self)
        return self.longest_texts[kind]

    def digests(self, kind: str) -> list[str]:
        """Returns the digest of each text of a kind; an equal text that is drawn again gets another one."""
        if kind not in self.known_digests:
            drawn: Counter[str] = Counter()
            self.known_digests[kind] = []
            for said in IDENTITIES[kind](self):
                drawn[said] += 1
                again = f"\n{drawn[said]}" if drawn[said] > 1 else ""
                self.known_digests[kind].append(hashlib.sha256(f"{said}{again}".encode()).hexdigest()[:16])
        return self.known_digests[kind]

    def passages(self, kind: str) -> "list[Passage]":
        """Returns the passages of the natural texts of a kind; raises InputError if the corpus has too few."""
        if kind not in self.known_passages:
            self.known_passages[kind] = _passages(self, kind)
        return self.known_passages[kind]

    def decoded(self, ids: Tokens) -> list[str]:
        """Returns the text of each of the first tokens, without those that the tokenizer adds."""
        kept = [token for token in ids[:DIGEST_TOKENS].tolist() if token not in self.special]
        return [self.model.tokenizer.decode([token], clean_up_tokenization_spaces=False) for token in kept]

    def lines(self, split: str) -> list[str]:
        """Returns the lines of a split's raw text; raises InputError as :func:`read_lines`."""
        if split not in self.raw:
            self.raw[split] = read_lines(self.files[split])
        return self.raw[split]

    def with_start(self, ids: Tokens) -> Tokens:
        """Returns the start token, if the tokenizer has one, followed by ids, cut to the tokens that are made."""
        return np.concatenate([np.array(self.start, dtype=np.int64), ids])[: self.beginning]

    def stream(self, kind: str, index: int) -> np.random.Generator:
        """Returns the random stream of text ``index`` of a kind."""
        return stream(self.seed, "cramming", STREAMS.get(kind, kind), index)


def read_lines(path: str | Path) -> list[str]:
    """Returns a text file's lines with their ends; raises InputError if the file is missing, not UTF-8 or empty."""
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


def encode(model: LanguageModel, text: str, named: bool = True) -> list[int]:
    """Returns the token ids of a text, without tokens that a tokenizer adds.

    named: whether the name of a special token stands for it. In a corpus it does not: ``<unk>`` in WikiText-2 is a word
    like any other.
    """
    plain = {} if named else {"split_special_tokens": True}
    return cast(list[int], model.tokenizer(text, add_special_tokens=False, verbose=False, **plain)["input_ids"])


def encode_lines(model: LanguageModel, lines: list[str], least: int) -> Tokens:
    """Returns the token ids of the first lines, at least ``least`` or those of all lines.

    Each line is encoded separately, as in the training of the models.
    """
    ids: list[int] = []
    for line in lines:
        ids += encode(model, line, named=False)
        if len(ids) >= least:
            break
    return np.array(ids, dtype=np.int64)


def start_tokens(model: LanguageModel) -> list[int]:
    """Returns the token with which the tokenizer starts every text, as a list of one, or []."""
    return start_ids(model.tokenizer)


def paragraph_starts(lines: list[str], room: int) -> list[int]:
    """Returns the numbers of lines that start a paragraph (no heading), with ``room`` words from there to the end."""
    words = np.array([len(line.split()) for line in lines])
    left = words[::-1].cumsum()[::-1]
    return [
        number
        for number, line in enumerate(lines)
        if words[number] > 0 and not line.lstrip().startswith("=") and left[number] >= room
    ]


def first_words(lines: Sequence[str], count: int) -> str:
    """Returns the first words of lines, joined by spaces."""
    words: list[str] = []
    for line in lines:
        words += line.split()
        if len(words) >= count:
            break
    return " ".join(words[:count])


def _passages(texts: Texts, kind: str) -> list[Passage]:
    """Returns the first paragraphs in random order whose beginnings differ, each with room for the longest text.

    All paragraphs of the split are put into an order before those with too little room are left out, so that lists for
    other lengths differ only by what is left out. No property of a model matters.
    """
    split = SPLITS[kind]
    lines, room = texts.lines(split), texts.room
    every, usable = paragraph_starts(lines, 0), set(paragraph_starts(lines, room))
    passages: dict[str, Passage] = {}
    for place in stream(texts.seed, "cramming", STREAMS[kind]).permutation(len(every)):
        if len(passages) == texts.count:
            break
        if every[place] in usable:
            words = first_words(lines[every[place] :], DIGEST_WORDS)
            passages.setdefault(words, Passage(every[place], words))
    if len(passages) < texts.count:
        found = f"found {len(passages)} different paragraphs with {room} words from there on"
        raise InputError(f"{texts.files[split]}: {found}, expected at least {texts.count}, one for each text")
    return list(passages.values())


def _natural(texts: Texts, kind: str) -> Tokens:
    """Returns natural texts, each from the start of its passage."""
    split, rows = SPLITS[kind], []
    for index, passage in enumerate(texts.passages(kind)):
        lines = texts.lines(split)[passage.line :]
        words = encode_lines(texts.model, lines, texts.beginning)
        ids = texts.with_start(words)
        if len(ids) < texts.beginning:
            found = f"text {index} has {len(ids)} tokens"
            raise InputError(f"{texts.files[split]}: {found}, expected at least {texts.beginning}")
        text = "".join(lines[: 2 * texts.beginning + DIGEST_WORDS])  # every second line of WikiText-2 is empty
        check_text(texts.model.tokenizer, words.tolist(), text, texts.name)
        rows.append(ids)
    return np.stack(rows)


def _drawn_words(texts: Texts) -> list[list[str]]:
    """Returns word types of the train text, drawn uniformly, for each text; the same for every model."""
    # ASSUME: types of the train text stand in for the paper's 100,000 most frequent words of GloVe.
    types = sorted({word for line in texts.lines("train") for word in line.split()} - {UNKNOWN})
    size = max(texts.beginning, DIGEST_WORDS)
    drawn = (texts.stream("random-words", index).integers(len(types), size=size) for index in range(texts.count))
    return [[types[word] for word in words] for words in drawn]


def _random_words(texts: Texts) -> Tokens:
    """Returns texts of random words, joined by spaces."""
    rows = []
    for words in _drawn_words(texts):
        text = " " + " ".join(words[: texts.beginning])
        ids = encode(texts.model, text, named=False)
        check_text(texts.model.tokenizer, ids, text, texts.name)
        rows.append(texts.with_start(np.array(ids, dtype=np.int64)))
    return np.stack(rows)


def _random_tokens(texts: Texts) -> Tokens:
    """Returns texts of the tokenizer's tokens, drawn uniformly, without its special tokens."""
    usable = np.array(ids_of(texts.model.tokenizer, texts.special), dtype=np.int64)
    drawn = [texts.stream("random-tokens", i).integers(len(usable), size=texts.beginning) for i in range(texts.count)]
    return np.stack([texts.with_start(usable[row]) for row in drawn])


def _samples(texts: Texts) -> Tokens:
    """Returns texts that the model generates at temperature 1, from the start token or a random train token."""
    most = texts.beginning
    if texts.model.context is not None:
        most = max(texts.longest, min(most, texts.model.context))
    key = [texts.seed, texts.count, most]
    return np.array(texts.keeping.get("samples", key, lambda: _sampled(texts, most).tolist()), dtype=np.int64)


@torch.no_grad()
def _sampled(texts: Texts, most: int) -> Tokens:
    samples = []
    for first in range(0, texts.count, SAMPLED_TOGETHER):
        streams = [texts.stream("samples", first + row) for row in range(SAMPLED_TOGETHER)]
        starts = np.array([texts.start or [_train_token(texts, generator)] for generator in streams], dtype=np.int64)
        samples.append(_continue(texts.reader, starts, streams, most))
    return np.concatenate(samples)[: texts.count]


def _train_token(texts: Texts, generator: np.random.Generator) -> int:
    """Returns a random token of a random line of the train text."""
    lines = texts.lines("train")
    while True:
        ids = encode(texts.model, lines[generator.integers(len(lines))], named=False)
        if ids:
            return ids[generator.integers(len(ids))]


def _continue(reader: Reader, ids: Tokens, streams: list[np.random.Generator], length: int) -> Tokens:
    """Returns sampled continuations (B, length) of ids (B, L): token by token, by inversion of the distribution."""
    passes = reader.passes(len(ids), length)
    return np.concatenate([_continued(reader, ids[part], streams[part], length) for part in passes])


def _continued(reader: Reader, ids: Tokens, streams: list[np.random.Generator], length: int) -> Tokens:
    table = reader.model.table
    text = Continuation(reader, table[torch.from_numpy(ids).to(table.device)])
    while ids.shape[1] < length:
        chances = torch.softmax(text.logits().cpu().double() * np.log(2), 1).numpy().cumsum(1)
        draws = np.array([generator.random() for generator in streams])
        next_ids = (chances < draws[:, None] * chances[:, -1:]).sum(1)
        ids = np.concatenate([ids, next_ids[:, None]], 1)
        text.append(torch.from_numpy(next_ids).to(table.device))
    return ids[:, :length]


def _shuffled(texts: Texts, length: int) -> Tokens:
    """Returns the tokens of text-test texts in random order; a start token keeps its place."""
    kept, ids = len(texts.start), texts.whole("text-test")[:, :length].copy()
    for index, row in enumerate(ids):
        row[kept:] = texts.stream("shuffled", index).permutation(row[kept:])
    return ids


def _repeated(texts: Texts, length: int) -> Tokens:
    """Returns repetitions of the first quarter of text-test texts."""
    quarter = texts.whole("text-test")[:, : max(1, length // 4)]
    return np.tile(quarter, (1, length // quarter.shape[1] + 1))[:, :length]


# Kind -> function that makes the longest texts.
WHOLE: dict[str, Callable[[Texts], Tokens]] = {
    "text-test": lambda texts: _natural(texts, "text-test"),
    "text-train": lambda texts: _natural(texts, "text-train"),
    "samples": _samples,
    "random-words": _random_words,
    "random-tokens": _random_tokens,
}
# Kind -> function that makes texts of a length from natural texts.
FROM_NATURAL: dict[str, Callable[[Texts, int], Tokens]] = {"shuffled": _shuffled, "repeated": _repeated}
KINDS = (*WHOLE, *FROM_NATURAL)
SPLITS = {"text-test": "test", "text-train": "train"}


def _passage_words(texts: Texts, kind: str) -> list[str]:
    return [passage.words for passage in texts.passages(kind)]


def _pieces(texts: Texts, kind: str) -> list[str]:
    """Returns the decoded tokens of each text, told apart, since shuffling and repeating moves tokens."""
    return ["\0".join(texts.decoded(row)) for row in texts.whole(kind)]


def _of_passages(texts: Texts, kind: str) -> list[str]:
    """Returns the passage and its tokens: two models share such a text if their tokenizers cut it alike."""
    pairs = zip(_passage_words(texts, "text-test"), _pieces(texts, "text-test"), strict=True)
    return [f"{kind}\n{words}\n{pieces}" for words, pieces in pairs]


# Kind -> function that returns what is the same in a text for every model and at every length.
IDENTITIES: dict[str, Callable[[Texts], list[str]]] = {
    **{kind: partial(_passage_words, kind=kind) for kind in SPLITS},
    "random-words": lambda texts: [" ".join(words[:DIGEST_WORDS]) for words in _drawn_words(texts)],
    **{kind: partial(_pieces, kind=kind) for kind in ("samples", "random-tokens")},
    **{kind: partial(_of_passages, kind=kind) for kind in FROM_NATURAL},
}


def start_vectors(model: LanguageModel, seed: int, kind: str, index: int, count: int) -> Tensor:
    """Returns initial vectors (count, d) of a text: N(0, 1) times the standard deviation of the table, as released.

    Each text has its own random stream, so its vectors are the same in every batch, length and arm; a single vector is
    the first of several vectors.
    """
    drawn: Any = stream(seed, "cramming", "vectors", STREAMS.get(kind, kind), index).standard_normal(
        (count, model.width)
    )
    return torch.from_numpy(drawn).to(model.table.device, model.table.dtype) * model.deviation
