"""What the tests of ``tokentrial compress`` and ``tokentrial cram`` share: a tiny model, documents, a real Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import cramming_models
import pytest

from tokentrial.cramming import architectures, folders
from tokentrial.data.delivery import speech_documents
from tokentrial.seeds import stream

WORDS = ("ka", "tomi", "renso", "lu", "viden", "poar", "mito", "densolu")
CONTEXT = 64
PATIENCE = 300.0  # seconds, on a machine that does much else


def document(number: int, words: int = 60) -> str:
    return " ".join(stream(number, "document").choice(WORDS, size=words))


def write_text(path: Path, count: int = 12, words: int = 60) -> Path:
    """A text whose paragraphs are documents."""
    path.write_text("\n\n".join(document(number, words) for number in range(count)) + "\n")
    return path


def passages(count: int = 12, words: int = 60) -> list[str]:
    """Paragraphs of speeches, each on a line."""
    speeches = "\n\n".join(speech_documents()["test"]).split("\n\n")
    lines = (" ".join(each.split()) for each in speeches)
    return list(islice((line for line in lines if len(line.split()) >= words), count))


def write_model(folder: Path, tied: bool = True) -> Path:
    """An untrained Llama-like model whose predictions depend on its input; the tokenizer is one of the documents."""
    text = write_text(folder.parent / "of_the_tokenizer.txt", 40)
    shape = {"architecture": "llama", "width": 16, "layers": 2, "context": CONTEXT}
    tokenizer = cramming_models.bpe(str(text))
    model = architectures.build(shape, tokenizer.get_vocab_size(), seed=1)
    for name, value in model.named_parameters():
        if value.dim() == 2:
            value.data.mul_(10.0 if "embed" in name else 4.0)
    if not tied:
        head = model.get_input_embeddings().weight.detach().clone().flip(0)
        model.config.tie_word_embeddings = False
        model.lm_head.weight = type(model.lm_head.weight)(head)
    folders.write(folder, model, tokenizer, {})
    return folder


def interrupted(ready: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that gets Ctrl-C, as a terminal sends it, as soon as a line of its stderr has ``ready``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tokentrial", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job, which these tests may be, ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        said, until = "", time.monotonic() + PATIENCE
        for line in process.stderr:
            said += line
            assert time.monotonic() < until, said
            if ready in line:
                break
        assert process.poll() is None, said
        os.killpg(process.pid, signal.SIGINT)
        out, rest = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(process.args, process.returncode, out, rest)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose output layer is its table, ``model``, and a text, ``mine.txt``."""
    folder = tmp_path_factory.mktemp("own")
    write_model(folder / "model")
    write_text(folder / "mine.txt")
    return folder
