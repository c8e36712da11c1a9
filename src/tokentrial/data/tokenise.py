"""A corpus as token ids: words (for WikiText-2 as in pytorch/examples) or a byte-level BPE of the train split.

Every token stands for some bytes of the text, and every byte belongs to a token. So a loss per token can be turned into
bits per byte, which are comparable between tokenisations of one text.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tokentrial import __version__, results
from tokentrial.data.corpora import SPLITS, read_record
from tokentrial.data.entropy import entropy
from tokentrial.errors import InputError

Tokens = npt.NDArray[np.int32]
TokenizerKind = Literal["word", "bpe", "file"]

END, UNKNOWN = "<eos>", "<unk>"
RARE = 3  # words with fewer occurrences in the train split become <unk>, as the authors of WikiText-2 did
BYTES = 256
LINES_AT_ONCE = 2_000  # keeps the encoder's records of one call below 100 MB

# Words of a text that is not split by spaces: runs of letters and digits, and single signs.
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
SPACED = re.compile(r"\S+")

# ``bytes`` is the number of bytes of the text that a token stands for; the sum is the split's size.
TOKENS = pa.schema([pa.field("token", pa.int32(), nullable=False), pa.field("bytes", pa.int32(), nullable=False)])
# ``count`` is the number of occurrences in the train split.
VOCABULARY = pa.schema(
    [
        pa.field("id", pa.int32(), nullable=False),
        pa.field("token", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)


def _lines(path: str | Path) -> list[str]:
    """Returns lines with their line ends, split only at "\\n"."""
    try:
        with Path(path).open(encoding="utf-8", newline="\n") as file:
            return list(file)
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _words(path: str | Path, pretokenised: bool) -> Iterator[tuple[str, int]]:
    """Yields (word, bytes) of a file in order, with <eos> after every line, blank or not, as in pytorch/examples.

    The bytes of a space count with the word before the space, those of an indent with the first word, and those of a
    line's end with its <eos>.
    """
    pattern = SPACED if pretokenised else WORD
    for line in _lines(path):
        text = line.removesuffix("\n")
        spans = [match.span() for match in pattern.finditer(text)]
        starts = [0, *(start for start, _ in spans[1:]), len(text)]
        for (start, end), first, after in zip(spans, starts, starts[1:], strict=False):
            yield text[start:end], len(text[first:after].encode())
        yield END, len(line) - len(text) + (0 if spans else len(text.encode()))


def word_vocabulary(train_path: str | Path, pretokenised: bool = True, vocab_size: int | None = None) -> list[str]:
    """Returns the word types of the train file with <eos>, in order of first appearance (33,278 for WikiText-2).

    If the text is not pretokenised, <unk> replaces words that occur fewer than `RARE` times. With a ``vocab_size``,
    <unk> also replaces all but the most frequent words; ties go by first appearance. Raises InputError if the text has
    fewer types than ``vocab_size``.
    """
    counts = Counter(word for word, _ in _words(train_path, pretokenised))
    frequent = [word for word, count in counts.items() if pretokenised or count >= RARE or word == END]
    if len(frequent) < len(counts) and UNKNOWN not in frequent:
        frequent.append(UNKNOWN)
    if vocab_size is None or vocab_size == len(frequent):
        return frequent
    needed = (END, UNKNOWN)
    if vocab_size > len(frequent) or vocab_size <= len(needed):
        expected = f"null or at most {len(frequent)}, the word types of {train_path}"
        raise InputError(f"config: language_models.tokens: vocab_size: found {vocab_size}, expected {expected}")
    others = sorted((word for word in frequent if word not in needed), key=lambda word: -counts[word])
    chosen = {*needed, *others[: vocab_size - len(needed)]}
    return [word for word in dict.fromkeys([*frequent, UNKNOWN]) if word in chosen]


def encode_words(path: str | Path, vocabulary: list[str], pretokenised: bool = True) -> tuple[Tokens, Tokens]:
    """Returns token ids (n,) of a file under a word vocabulary, and the bytes (n,) that each stands for.

    Raises InputError if a word is not in a vocabulary without <unk>.
    """
    ids = {word: index for index, word in enumerate(vocabulary)}
    unknown = ids.get(UNKNOWN)
    words = list(_words(path, pretokenised))
    token_ids = [ids.get(word, unknown) for word, _ in words]
    if unknown is None and None in token_ids:
        word = words[token_ids.index(None)][0]
        raise InputError(f"{path}: word {word!r} is not in the vocabulary of {len(vocabulary)} types")
    return np.array(token_ids, dtype=np.int32), np.array([size for _, size in words], dtype=np.int32)


def train_bpe(train_path: str | Path, vocab_size: int) -> Tokenizer:
    """Returns a byte-level BPE of ``vocab_size`` tokens trained on a file; the same file yields the same tokenizer.

    The encoding is lossless: decoding an encoded text returns the text. Source: Sennrich et al. 2016, on bytes as in
    GPT-2. Raises InputError below 256 tokens (the bytes) or if the text does not support that many merges.
    """
    if vocab_size < BYTES:
        raise InputError(f"vocab_size: found {vocab_size}, expected at least {BYTES} for a byte-level BPE")
    # ASSUME: "<unk>" and "@-@" are plain text for the BPE, as they are for GPT-2's in document 002's code.
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_lines(train_path), trainer)
    if tokenizer.get_vocab_size() != vocab_size:
        raise InputError(
            f"vocab_size: found {vocab_size}, expected at most {tokenizer.get_vocab_size()} for a BPE of {train_path}"
        )
    return tokenizer


def token_bytes(tokenizer: Tokenizer) -> Tokens:
    """Returns the number of bytes (V,) of each token of a byte-level BPE: each of its characters is a byte."""
    sizes = np.zeros(tokenizer.get_vocab_size(), dtype=np.int32)
    for token, index in tokenizer.get_vocab().items():
        sizes[index] = len(token)
    return sizes


def encode_bpe(path: str | Path, tokenizer: Tokenizer) -> Tokens:
    """Returns token ids (n,) of a file, encoded line by line including the line ends."""
    lines = _lines(path)
    parts = [np.empty(0, dtype=np.int32)]
    for start in range(0, len(lines), LINES_AT_ONCE):
        encoded = tokenizer.encode_batch_fast(lines[start : start + LINES_AT_ONCE])
        parts += [np.array(line.ids, dtype=np.int32) for line in encoded]
    return np.concatenate(parts)


def read_tokenizer(path: str | Path) -> Tokenizer:
    """Returns the tokenizer of a tokenizer.json (Hugging Face). Raises InputError for a file that is none."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: found no tokenizer ({reason}), expected a tokenizer.json") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def encode_with(path: str | Path, tokenizer: Tokenizer) -> tuple[Tokens, Tokens]:
    """Returns token ids (n,) of a file under any tokenizer, line by line, and the bytes (n,) that each stands for.

    Special tokens are not added. The bytes between two tokens, which the tokenizer drops, count with the token after
    them, those at the end of the text with the last one; of several tokens that share a character, the first has its
    bytes. Raises InputError if the tokenizer has no token for the text.
    """
    ids: list[int] = []
    sizes: list[int] = []
    left = 0  # bytes since the last token
    lines = _lines(path)
    for start in range(0, len(lines), LINES_AT_ONCE):
        some = lines[start : start + LINES_AT_ONCE]
        for line, encoded in zip(some, tokenizer.encode_batch(some, add_special_tokens=False), strict=True):
            done = 0  # characters of the line that have a token
            for token, (_, end) in zip(encoded.ids, encoded.offsets, strict=True):
                ids.append(token)
                sizes.append(left + len(line[done:end].encode()))
                left, done = 0, max(done, end)
            left += len(line[done:].encode())
    if not ids:
        raise InputError(f"{path}: found no token, expected a tokenizer that knows this text")
    sizes[-1] += left
    return np.array(ids, dtype=np.int32), np.array(sizes, dtype=np.int32)


def reference_levels(train: Tokens, tokens: Tokens, vocab_size: int) -> dict[str, float]:
    """Returns levels of predictors that see no context, for a split's ids (n,): nats per token and shares.

    ``unigram`` is the entropy of the split's own frequencies: the loss of the best constant predictor for this split.
    ``unigram_train`` is the loss under the train split's frequencies, with one added to every count.
    ``accuracy_constant`` is the split's share of the train split's most frequent token. There is no floor, since the
    best possible loss of a real text is unknown.
    """
    frequencies = np.bincount(tokens, minlength=vocab_size) / tokens.size
    counts = np.bincount(train, minlength=vocab_size)
    smoothed = (counts + 1.0) / (counts + 1.0).sum()
    return {
        "chance": float(np.log(vocab_size)),
        "unigram": entropy(frequencies),
        "unigram_train": float(-np.sum(frequencies * np.log(smoothed))),
        "accuracy_chance": 1.0 / vocab_size,
        "accuracy_constant": float(frequencies[counts.argmax()]),
    }


def _encode_all(
    paths: Mapping[str, str],
    tokenizer: TokenizerKind,
    vocab_size: int | None,
    pretokenised: bool,
    file: str | Path | None = None,
) -> tuple[dict[str, tuple[Tokens, Tokens]], list[str]]:
    """Returns (token ids, bytes) per split, and the vocabulary in id order."""
    if tokenizer == "word":
        vocabulary = word_vocabulary(paths["train"], pretokenised, vocab_size)
        return {split: encode_words(paths[split], vocabulary, pretokenised) for split in SPLITS}, vocabulary
    if tokenizer == "file":
        given = read_tokenizer(file or "tokenizer.json")
        named = {index: token for token, index in given.get_vocab().items()}
        size = max(named) + 1  # ids may have gaps
        return {split: encode_with(paths[split], given) for split in SPLITS}, [
            named.get(index, "") for index in range(size)
        ]
    if tokenizer != "bpe":
        expected = "expected one of word, bpe, file"
        raise InputError(f"config: language_models.tokens: tokenizer: found '{tokenizer}', {expected}")
    if vocab_size is None:
        expected = f"expected an integer of at least {BYTES} for bpe"
        raise InputError(f"config: language_models.tokens: vocab_size: found null, {expected}")
    trained = train_bpe(paths["train"], vocab_size)
    sizes = token_bytes(trained)
    encoded = {split: encode_bpe(paths[split], trained) for split in SPLITS}
    by_id = {index: token for token, index in trained.get_vocab().items()}
    return {split: (ids, sizes[ids]) for split, ids in encoded.items()}, [by_id[i] for i in range(vocab_size)]


def prepare(
    paths: Mapping[str, str],
    record: str,
    tokenizer: TokenizerKind,
    vocab_size: int | None,
    out: Mapping[str, str],
    needed: Mapping[str, int] | None = None,
    file: str | Path | None = None,
) -> None:
    """Tokenises the text files ``paths`` (keys train, validation, test) into Parquet.

    ``record`` describes their corpus (:class:`tokentrial.data.corpora.Corpus`). ``out`` names five files: train,
    validation and test (:data:`TOKENS`, text order), vocabulary (id, token, count in train) and reference
    (:data:`tokentrial.results.REFERENCE`, seed 0, since nothing here is random). The metadata of each file hold the
    corpus, the tokenizer, the vocabulary size and the checksums of the text files. ``vocab_size`` is the number of BPE
    tokens; for words it limits the types, and null keeps all. ``needed``: the fewest tokens of a split with which the
    run works; ``file``: the tokenizer.json of the tokenizer ``file``. Raises InputError for an unusable key or file, or
    a split with fewer tokens.
    """
    corpus = read_record(record)
    encoded, vocabulary = _encode_all(paths, tokenizer, vocab_size, corpus.pretokenised, file)
    for split, least in (needed or {}).items():
        available = len(encoded[split][0])
        if available < least:
            raise InputError(
                f"config: corpus: {corpus.title}: the {split} text has {available:,} tokens ({tokenizer}), expected at "
                f"least {least:,} for one batch of the share that this config uses"
            )
    metadata = {
        "corpus": corpus.title,
        "sources": json.dumps({split: corpus.splits[split]["sha256"] for split in SPLITS}, sort_keys=True),
        "tokenizer": tokenizer,
        "vocab_size": str(len(vocabulary)),
        "tokentrial": __version__,
    }
    rows = []
    for split, (tokens, sizes) in encoded.items():
        table = pa.Table.from_arrays([pa.array(tokens), pa.array(sizes)], schema=TOKENS)
        results.write(out[split], table.replace_schema_metadata(metadata | {"split": split}))
        for name, value in reference_levels(encoded["train"][0], tokens, len(vocabulary)).items():
            unit = "share" if name.startswith("accuracy") else "nats"
            rows.append((corpus.name, 0, split, name, value, unit))
    counts = np.bincount(encoded["train"][0], minlength=len(vocabulary))
    types = pd.DataFrame({"id": range(len(vocabulary)), "token": vocabulary, "count": counts})
    results.write(out["vocabulary"], results.table(types, VOCABULARY, metadata))
    reference = pd.DataFrame(rows, columns=results.REFERENCE.names)
    results.write(out["reference"], results.table(reference, results.REFERENCE, metadata))


def read_tokens(path: str | Path) -> tuple[Tokens, Tokens, dict[str, str]]:
    """Returns token ids (n,), the bytes (n,) of each token, and metadata of a split written by :func:`prepare`.

    Raises InputError naming a damaged file.
    """
    table = results.read(path, TOKENS)
    ids, sizes = (np.array(table.column(name).to_numpy(), dtype=np.int32) for name in TOKENS.names)
    metadata = results.metadata(table)
    limit = metadata.get("vocab_size", "0")
    if not limit.isdigit() or (ids.size and not 0 <= ids.min() <= ids.max() < int(limit)):
        raise InputError(f"{path}: token ids do not fit vocabulary size {limit}; delete it and run again")
    return ids, sizes, metadata
