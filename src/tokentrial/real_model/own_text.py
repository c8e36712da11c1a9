"""A user's own text: the documents on which encodings are measured, and the text whose tokens are counted.

A folder of text files has a document in each file. A single file is cut at its blank lines, or, without any, at its
lines; a paragraph is joined with those after it until it is long enough for a document. Of the documents that are long
enough, every second one, from the first on, is measured. All other text is counted: the token counts with which some
encodings weigh errors are never those of a measured document. A folder with the files train.txt, validation.txt and
test.txt is taken as it is: documents of the test are measured, the tokens of the training text counted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.texts import encode
from tokentrial.data.corpora import own_files
from tokentrial.data.delivery import read_text
from tokentrial.errors import InputError
from tokentrial.real_model.documents import LETTERS, Text

NAME = "text"
FEWEST = 2  # documents of an interval
BLANK = re.compile(r"\n[ \t]*\n\s*")


Files = Mapping[str, Path] | Sequence[Path]
"""Of a text: by split, or all in their order."""


def files_of(path: Path) -> Files:
    """Returns the files of a text. Raises InputError for a path without any, and for a file that cannot be read."""
    if not path.exists():
        raise InputError(f"--text: {path}: not found, expected a text file or a folder of text files")
    return own_files(path, "--text")


def own_text(path: Path, files: Files, model: LanguageModel, count: int, tokens: int) -> Text:
    """Returns the text of a file or folder, with at most ``count`` documents of more than ``tokens`` tokens to measure.

    Raises InputError for files that cannot be read and a text with fewer than two documents to measure.
    """
    if isinstance(files, Mapping):
        documents = pieces(read_text(files["test"]), model, tokens)
        measured = [document for document in islice(documents, count) if is_enough(document, model, tokens)]
        counted = [read_text(files["train"])]
    else:
        texts = [read_text(file) for file in files]
        documents = iter(texts) if len(texts) > 1 else pieces(texts[0], model, tokens)
        measured, counted = parted(documents, model, count, tokens)
    if len(measured) < FEWEST:
        found = f"found {len(measured)} document{'s' * (len(measured) != 1)} of more than {tokens} tokens to measure"
        raise InputError(f"--text: {path}: {found}, expected at least {FEWEST}: a longer text, or fewer --tokens")
    return Text(NAME, measured, [line for text in counted for line in text.splitlines(keepends=True)])


def parted(documents: Iterator[str], model: LanguageModel, count: int, tokens: int) -> tuple[list[str], list[str]]:
    """Returns the documents that are measured, at most ``count``, and those that are counted."""
    measured, counted = list[str](), list[str]()
    turn = True
    for document in documents:
        if len(measured) == count or not is_enough(document, model, tokens):
            counted.append(document)
            continue
        (measured if turn else counted).append(document)
        turn = not turn
    return measured, counted


def pieces(text: str, model: LanguageModel, tokens: int, flat: bool = False) -> Iterator[str]:
    """Yields a text in documents of paragraphs, each of more than ``tokens`` tokens but perhaps the last.

    flat: a document is one line, and does not begin with the sign of a heading of WikiText-2.
    """
    paragraphs, joint = BLANK.split(text.strip()), "\n\n"
    if len(paragraphs) == 1:
        paragraphs, joint = text.strip().splitlines(), "\n"
    if flat:
        paragraphs, joint = [" ".join(paragraph.split()).lstrip("= ") for paragraph in paragraphs], " "
    document = ""
    for paragraph in paragraphs:
        document = f"{document}{joint}{paragraph}" if document else paragraph
        if is_enough(document, model, tokens):
            yield document
            document = ""
    if document:
        yield document


def is_enough(document: str, model: LanguageModel, tokens: int) -> bool:
    """Whether a document has more than ``tokens`` tokens, as its window is cut."""
    return len(encode(model, document[: LETTERS * (tokens + 1)])) > tokens
