"""The arms that a training job has finished, kept until all of them are: a killed job does not train them again."""

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from tokentrial import provenance
from tokentrial.results import Measurement
from tokentrial.training import checkpoint
from tokentrial.training.checkpoint import Saved
from tokentrial.training.condition import Arm


class FinishedArms:
    """Arms in files, in a folder named after all that decides their bits: what another config left is not met."""

    def __init__(self, checkpoints: str, identity: str) -> None:
        self.folder, self.identity = Path(checkpoints), identity

    def _path(self, name: str) -> Path:
        return self.folder / self.identity / f"{name}.safetensors"

    def get(self, name: str) -> Arm | None:
        """An arm as it was kept, bit for bit; None where it was not, or its file is damaged."""
        saved = checkpoint.resume(self._path(name), self.identity, log)
        if saved is None:
            return None
        log(f"{name}: was finished before")
        rows = [Measurement(*row) for row in saved.values.pop("rows")]
        return Arm(rows=rows, **saved.values)

    def put(self, arm: Arm) -> None:
        checkpoint.write(self._path(arm.name), Saved(values=asdict(arm)), self.identity)

    def clear(self) -> None:
        """To be called when the job's own files are written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def identity(spec: str, files: Sequence[str]) -> str:
    """A digest of what decides an arm's bits: its condition's spec, files of data and code, torch's version."""
    content = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in files]
    return provenance.digest(json.dumps([spec, content, torch.__version__]))


def log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
