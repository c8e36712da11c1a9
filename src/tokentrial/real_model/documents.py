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
ARTICLE = re.compile(r"^ = [^=\n]+ = *\n", re.MULTILINE)  # the heading with which an article of WikiText-2 begins


class Text:
    """A text: its held-out documents, and the lines of its training text. name: in results."""

    def __init__(self, name: str, held_out: Sequence[str], train: Sequence[str]) -> None:
        self.name, self.held_out, self.train = name, held_out, train

    def windows(self, model: LanguageModel, count: int, tokens: int) -> Tensor:
        """Returns the first ``tokens`` + 1 tokens of ``count`` documents (count, tokens + 1).

        Shorter documents are passed over. Raises InputError if too few are left.
        """
        rows: list[list[int]] = []
        for document in self.held_out:
            ids = encode(model, document[: LETTERS * (tokens + 1)])[: tokens + 1]
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
