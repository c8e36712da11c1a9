"""The folder of a study's run: its config and its claims, checked before anything runs, and written whole."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tokentrial import config as settings
from tokentrial import documents, results
from tokentrial.checkout import ROOT
from tokentrial.claims import registry
from tokentrial.data import corpora, delivery, tokenise
from tokentrial.errors import InputError
from tokentrial.own_study import overlay
from tokentrial.own_study.overlay import CRAM, NAME, TEXT, TOKENIZER
from tokentrial.schema import own_study, study_files
from tokentrial.studies import language_models

CONFIG = "study.config.yaml"
"""The overlay, in the folder of the run."""
ROOM = 512
"""Words that follow the beginning of a text to cram (cramming.texts.ROOM)."""
SCHEMA = "workflow/schemas/claims.schema.yaml"
LARGEST = 50_000_000
"""Bytes of a text that is tokenised to look at its length before the run; that of a larger one is seen by the run."""
HEAD = "# Written by tokentrial run {file}. An edit of the study's file, and the same command, write it anew.\n"


class Prepared(NamedTuple):
    """What a run of the workflow needs. documents: the folder with the study's claims, None for a study without any."""

    folder: Path
    config: Path
    documents: Path | None


def prepare(file: Path, out: Path, root: Path = ROOT) -> Prepared:
    """Checks a study's file and its corpus, and writes the config and the claims into the folder of its run.

    root: the project whose workflow runs. Raises InputError, one line with the file and the key, for whatever cannot be
    used; nothing is written then.
    """
    content = settings.load(file)
    study = own_study.read(content, str(file))
    files = study_files.load(root)
    try:
        corpus = overlay.corpus_of(study, file.parent)
        tokenizer = overlay.tokenizer_file(study, file.parent)
        made = overlay.overlay(study, corpus, files)
        whole = overlay.check(made, settings.load(root / "config/config.yaml"), files)
        title = study.title or corpora.TITLES.get(corpus) or corpora.title_of(Path(corpus))
        claims = overlay.document(study, file.read_bytes(), title) if study.claims else None
        schema = settings.load(root / SCHEMA)
        for entry in claims[1]["claims"] if claims else ():
            registry.read_entry(entry, schema, "claims", [NAME])
        _check_text(whole, corpus, tokenizer)
    except InputError as error:
        raise InputError(f"{file}: {str(error).removeprefix('config: ')}") from None
    _check_folder(out, file)
    _write(out / CONFIG, HEAD.format(file=file.name) + _yaml(made))
    if tokenizer is not None:
        _write(out / TOKENIZER, tokenizer.read_bytes())
    place = out / documents.FOLDER
    if claims is None:
        shutil.rmtree(place, ignore_errors=True)  # of an earlier state of the file
        return Prepared(out, out / CONFIG, None)
    for name, part in zip((documents.DOCUMENT, documents.CLAIMS), claims, strict=True):
        _write(place / NAME / name, HEAD.format(file=file.name) + _yaml(part))
    documents.load(*documents.folders(root, place))
    return Prepared(out, out / CONFIG, place)


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=120)


def _check_folder(out: Path, file: Path) -> None:
    """Raises InputError for a place where the run could not write, or a folder of something else."""
    try:
        if out.is_dir() and any(out.iterdir()) and not (out / CONFIG).is_file():
            raise InputError(f"--out: {out}: found a folder of something else, expected a new one or that of a study")
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out: {out}: cannot be made: {error.strerror}") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise InputError(f"--out: {out}: cannot be written: Permission denied")


def _write(path: Path, content: str | bytes) -> None:
    """Writes a file whole; a file that is the same already keeps its time, so that nothing runs again."""
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with results.whole_file(path) as target:
        target.write(data)


def _check_text(config: Mapping[str, Any], corpus: str, tokenizer: Path | None) -> None:
    """Raises InputError for a corpus or a tokenizer that cannot be used, or a text that is too short.

    The text is delivered and tokenised as the run will do it, in a folder that goes away.
    """
    if tokenizer is not None:
        tokenise.read_tokenizer(tokenizer)
    chosen = corpora.setting(corpus)
    if chosen.name != "own" or chosen.path is None:
        return
    found = corpora.own_files(chosen.path)
    if sum(path.stat().st_size for path in (found.values() if isinstance(found, dict) else found)) > LARGEST:
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = {split: f"{folder}/{split}.txt" for split in corpora.SPLITS}
        record, names = f"{folder}/corpus.json", (*corpora.SPLITS, "vocabulary", "reference")
        delivery.deliver(chosen.canonical(), corpus, folder, texts, record)
        try:
            needed = language_models.tokens_needed(language_models.jobs(config), NAME)
            tokens = {**config[TEXT]["tokens"][NAME], **({"file": tokenizer} if tokenizer else {})}
            tokenise.prepare(texts, record, **tokens, out={n: f"{folder}/{n}.parquet" for n in names}, needed=needed)
        except InputError as error:
            said = str(error).replace(texts["train"], "the training text").removeprefix(f"config: {TEXT}.tokens: ")
            raise InputError(f"tokenizer: {said}" if said.startswith("vocab_size") else said) from None
        for name, experiment in config[CRAM]["experiments"].items():
            _check_passages(Path(texts["test"]), max(ROOM, *experiment["lengths"]), config[CRAM]["texts"], name)


def _check_passages(test: Path, room: int, count: int, name: str) -> None:
    """Raises InputError for a test text with too few paragraphs that enough words follow (see cramming.texts)."""
    lines = test.read_text(encoding="utf-8").split("\n")
    left, usable = 0, set[str]()
    for line in reversed(lines):
        left += len(line.split())
        if line.strip() and not line.lstrip().startswith("=") and left >= room:
            usable.add(line)
    if len(usable) < count:
        found = f"found {len(usable)} different paragraphs of the test text with {room} words from there on"
        raise InputError(f"corpus: {found}, expected at least {count}, one for each text to cram ({name})")
