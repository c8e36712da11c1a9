"""WikiText-2 as token ids: the word-level vocabulary of pytorch/examples, or a byte-level BPE of the train split.

Getting the three text files is :func:`tokentrial.data.download.fetch`, offered here as well.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tokentrial import __version__, results
from tokentrial.data.download import CHECKSUMS, FILES, SOURCES, Source, checksum, fetch
from tokentrial.data.entropy import entropy
from tokentrial.errors import InputError

__all__ = [
    "CHECKSUMS", "FILES", "SOURCES", "TOKENS", "VOCABULARY", "Source", "encode_bpe", "encode_words", "fetch", "prepare",
    "read_tokens", "reference_levels", "train_bpe", "word_vocabulary",
]  # fmt: skip

Tokens = npt.NDArray[np.int32]
TokenizerKind = Literal["word", "bpe"]

END = "<eos>"
BYTES = 256
LINES_AT_ONCE = 2_000  # keeps the encoder's records of one call below 100 MB

TOKENS = pa.schema([pa.field("token", pa.int32(), nullable=False)])
# ``count`` is the number of occurrences in the train split.
VOCABULARY = pa.schema(
    [
        pa.field("id", pa.int32(), nullable=False),
        pa.field("token", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)


def _lines(path: str | Path) -> list[str]:
    """Lines with their line ends, split at "\\n" alone."""
    try:
        with Path(path).open(encoding="utf-8", newline="\n") as file:
            return list(file)
    except FileNotFoundError:
        raise InputError(f"{path}: not found") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _words(path: str | Path) -> Iterator[str]:
    """Words of a file in order, with <eos> at the end of every line (blank lines too), as in pytorch/examples."""
    for line in _lines(path):
        yield from line.split()
        yield END


def word_vocabulary(train_path: str | Path) -> list[str]:
    """All word types of the train file with <eos>, in order of first appearance (33,278 for WikiText-2)."""
    return list(dict.fromkeys(_words(train_path)))


def encode_words(path: str | Path, vocabulary: list[str]) -> Tokens:
    """Token ids (n,) of a file under a word vocabulary; raises InputError for a word that is not in it."""
    ids = {word: index for index, word in enumerate(vocabulary)}
    try:
        return np.fromiter((ids[word] for word in _words(path)), dtype=np.int32)
    except KeyError as error:
        raise InputError(f"{path}: word {error} is not in the vocabulary of {len(vocabulary)} types") from None


def train_bpe(train_path: str | Path, vocab_size: int) -> Tokenizer:
    """A byte-level BPE of ``vocab_size`` tokens trained on a file; the same file gives the same tokenizer.

    It loses nothing: decoding an encoded text gives the text. Source: Sennrich et al. 2016, on bytes as in GPT-2.
    Raises InputError below 256 tokens (the bytes) or where the text does not support that many merges.
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


def encode_bpe(path: str | Path, tokenizer: Tokenizer) -> Tokens:
    """Token ids (n,) of a file, encoded line by line with the line ends kept."""
    lines = _lines(path)
    parts = [np.empty(0, dtype=np.int32)]
    for start in range(0, len(lines), LINES_AT_ONCE):
        encoded = tokenizer.encode_batch_fast(lines[start : start + LINES_AT_ONCE])
        parts += [np.array(line.ids, dtype=np.int32) for line in encoded]
    return np.concatenate(parts)


def reference_levels(train: Tokens, tokens: Tokens, vocab_size: int) -> dict[str, float]:
    """Levels of predictors that see no context, for a split's ids (n,): nats per token and shares.

    ``unigram`` is the entropy of the split's own frequencies (what the best constant predictor for this very split
    would get), ``unigram_train`` the loss under the train split's frequencies with one added to every count,
    ``accuracy_constant`` the share of the train split's most frequent token. What a real text allows is not known, so
    there is no floor.
    """
    own = np.bincount(tokens, minlength=vocab_size) / tokens.size
    counts = np.bincount(train, minlength=vocab_size)
    smoothed = (counts + 1.0) / (counts + 1.0).sum()
    return {
        "chance": float(np.log(vocab_size)),
        "unigram": entropy(own),
        "unigram_train": float(-np.sum(own * np.log(smoothed))),
        "accuracy_chance": 1.0 / vocab_size,
        "accuracy_constant": float(own[counts.argmax()]),
    }


def _encode_all(
    paths: Mapping[str, Path], tokenizer: TokenizerKind, vocab_size: int | None
) -> tuple[dict[str, Tokens], list[str]]:
    """Token ids per split and the vocabulary in id order."""
    if tokenizer == "word":
        vocabulary = word_vocabulary(paths["train"])
        if vocab_size not in (None, len(vocabulary)):
            expected = f"null or {len(vocabulary)}, the number of word types"
            raise InputError(f"language_models: key 'vocab_size': found {vocab_size}, expected {expected}")
        return {split: encode_words(paths[split], vocabulary) for split in FILES}, vocabulary
    if tokenizer != "bpe":
        raise InputError(f"language_models: key 'tokenizer': found '{tokenizer}', expected one of word, bpe")
    if vocab_size is None:
        raise InputError(
            f"language_models: key 'vocab_size': found null, expected an integer of at least {BYTES} for bpe"
        )
    trained = train_bpe(paths["train"], vocab_size)
    by_id = {index: token for token, index in trained.get_vocab().items()}
    return {split: encode_bpe(paths[split], trained) for split in FILES}, [by_id[i] for i in range(vocab_size)]


def prepare(
    paths: Mapping[str, Path], tokenizer: TokenizerKind, vocab_size: int | None, out: Mapping[str, str | Path]
) -> None:
    """Tokenise the text files ``paths`` (keys train, validation, test) into Parquet.

    ``out`` names five files: train, validation and test (one int32 column ``token``, text order), vocabulary (id,
    token, count in train) and reference (:data:`tokentrial.results.REFERENCE`, seed 0, since nothing here is random).
    All carry the tokenizer, the vocabulary size and the checksums of the text files as metadata; a split's file also
    its ``words`` (with <eos>) and ``bytes``, so that a loss per token can be turned into one per word or byte.
    ``vocab_size`` counts BPE tokens; for words it is null or the number of types. Raises InputError for an unusable
    key or file.
    """
    encoded, vocabulary = _encode_all(paths, tokenizer, vocab_size)
    contents = {split: Path(paths[split]).read_bytes() for split in FILES}
    metadata = {
        "sources": json.dumps({split: checksum(content) for split, content in contents.items()}, sort_keys=True),
        "tokenizer": tokenizer,
        "vocab_size": str(len(vocabulary)),
        "tokentrial": __version__,
    }
    rows = []
    for split, tokens in encoded.items():
        sizes = {"words": str(sum(1 for _ in _words(paths[split]))), "bytes": str(len(contents[split]))}
        table = pa.Table.from_arrays([pa.array(tokens)], schema=TOKENS)
        results.write(out[split], table.replace_schema_metadata(metadata | {"split": split} | sizes))
        for name, value in reference_levels(encoded["train"], tokens, len(vocabulary)).items():
            unit = "share" if name.startswith("accuracy") else "nats"
            rows.append(("language_models", 0, split, name, value, unit))
    counts = np.bincount(encoded["train"], minlength=len(vocabulary))
    types = pd.DataFrame({"id": range(len(vocabulary)), "token": vocabulary, "count": counts})
    results.write(out["vocabulary"], results.table(types, VOCABULARY, metadata))
    reference = pd.DataFrame(rows, columns=results.REFERENCE.names)
    results.write(out["reference"], results.table(reference, results.REFERENCE, metadata))


def read_tokens(path: str | Path) -> tuple[Tokens, dict[str, str]]:
    """Token ids (n,) and metadata of a split written by :func:`prepare`; raises InputError naming a damaged file."""
    table = results.read(path, TOKENS)
    ids = np.array(table.column("token").to_numpy(), dtype=np.int32)
    metadata = results.metadata(table)
    limit = metadata.get("vocab_size", "0")
    if not limit.isdigit() or (ids.size and not 0 <= ids.min() <= ids.max() < int(limit)):
        raise InputError(f"{path}: token ids do not fit vocabulary size {limit}; delete it and run again")
    return ids, metadata
