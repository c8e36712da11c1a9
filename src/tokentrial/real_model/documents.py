"""The held-out documents on which an encoded table is measured, and the token counts of the training text."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.texts import encode, read_lines
from tokentrial.data.corpora import SOTU, WIKITEXT2, Corpus
from tokentrial.data.delivery import speech_documents
from tokentrial.errors import InputError
from tokentrial.seeds import stream

LETTERS = 16  # of the text that is cut for a token, which is shorter
MOST_DRAWS = 100  # lines that are drawn for a passage before the text counts as too short
ARTICLE = re.compile(r"^ = [^=\n]+ = *\n", re.MULTILINE)  # the heading with which an article of WikiText-2 begins


class Text:
    """A text: its held-out documents, and the lines of its training text. name: in results."""

    def __init__(self, name: str, held_out: Sequence[str], train: Sequence[str]) -> None:
        self.name, self.held_out, self.train = name, held_out, train

    def windows(self, model: LanguageModel, count: int, tokens: int, seed: int) -> Tensor:
        """Returns ``tokens`` + 1 tokens of ``count`` documents in random order (count, tokens + 1).

        They begin at a random line after which the document still has so many; documents that are shorter are passed
        over. Raises InputError if too few are left.
        """
        rows: list[list[int]] = []
        rng = stream(seed, "real_model", "documents", self.name)
        for place in rng.permutation(len(self.held_out)):
            ids = _passage(model, self.held_out[place], tokens, rng)
            if len(ids) == tokens + 1:
                rows.append(ids)
            if len(rows) == count:
                return torch.tensor(rows)
        found = f"found {len(rows)} held-out documents of at least {tokens + 1} tokens"
        raise InputError(f"config: real_model.documents: {found} in {self.name}, expected at least {count}")

    def counts(self, model: LanguageModel, tokens: int, seed: int) -> Tensor:
        """Returns how often each token (V,) is among the first ``tokens`` tokens of training lines in random order."""
        ids: list[int] = []
        for line in stream(seed, "real_model", "counts", self.name).permutation(len(self.train)):
            ids += encode(model, self.train[line])
            if len(ids) >= tokens:
                break
        return torch.from_numpy(np.bincount(ids[:tokens], minlength=model.vocab_size))

    def passages(self, model: LanguageModel, count: int, tokens: int, rng: np.random.Generator) -> Tensor:
        """Returns ``tokens`` + 1 tokens (count, tokens + 1) of the training text, each from the start of a random line.

        Raises InputError if the training text is shorter.
        """
        rows: list[list[int]] = []
        for _ in range(MOST_DRAWS * count):
            line, ids = int(rng.integers(len(self.train))), list[int]()
            while len(ids) <= tokens and line < len(self.train):
                ids += encode(model, self.train[line])
                line += 1
            if len(ids) > tokens:
                rows.append(ids[: tokens + 1])
            if len(rows) == count:
                return torch.tensor(rows)
        found = f"found a training text of {len(self.train)} lines in {self.name}"
        raise InputError(f"config: real_model.arms: length: {found}, expected one with passages of {tokens + 1} tokens")


def _passage(model: LanguageModel, document: str, tokens: int, rng: np.random.Generator) -> list[int]:
    """Returns ``tokens`` + 1 tokens of a document from the start of a random line, fewer if it has no more."""
    lines = document.splitlines(True)
    starts = [number for number, line in enumerate(lines) if line.strip()]
    for line in rng.permutation(starts):
        ids = encode(model, "".join(lines[line:])[: LETTERS * (tokens + 1)])[: tokens + 1]
        if len(ids) == tokens + 1:
            return ids
    return []


def texts_of(files: Mapping[str, str | Path], corpus: Corpus) -> list[Text]:
    """Returns the run's text and the speeches of the package ``sotu``; one text if these are the run's.

    files: the run's text by split. Speeches are those of the validation and the test split, articles of WikiText-2
    those of the test split; a user's own test text is cut at its blank lines.
    """
    addresses = speech_documents()
    speeches = Text(
        SOTU, [*addresses["test"], *addresses["validation"]], "\n".join(addresses["train"]).splitlines(True)
    )
    if corpus.name == SOTU:
        return [speeches]
    test = "".join(read_lines(files["test"]))
    held_out = articles(test) if corpus.name == WIKITEXT2 else re.split(r"\n\s*\n", test)
    return [Text(corpus.name, held_out, read_lines(files["train"])), speeches]


def articles(text: str) -> list[str]:
    """Returns the articles of a text of WikiText-2."""
    starts = [match.start() for match in ARTICLE.finditer(text)]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
