"""What the tests share: one thread, the shipped config, small training problems."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported: its kernels then add up in one order

Spec = dict[str, Any]

SPEC: Spec = {
    "study": "learned_encoding",
    "condition": "learned_encoding/small/done-right/v12",
    "way": "done-right",
    "dataset": "learned_encoding/small/done-right/v12",
    "seed": 42,
    "seeds": 3,
    "device": "cpu",
    "vocab_size": 12,
    "full_width": 16,
    "width": 4,
    "head": "token_mlp",
    "hidden": 8,
    "initial_scale": 1.0,
    "head_scale": None,
    "head_bias": True,
    "training": {
        "learning_rates": [0.01, 0.05],
        "steps": 30,
        "batch_size": 16,
        "evaluations": 5,
        "decay": True,
        "select": "best",
    },
    "arms": {"learned": {"encoder": "learned"}},
}
SOURCE: Spec = {
    "source": "zipf_markov", "exponent": 1.0, "sharpness": 2.0, "vocab_size": 12, "length": 6, "targets": "all",
    "train": 60, "validation": 20, "test": 30,
}  # fmt: skip


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shipped(root: Path) -> Spec:
    """The default config."""
    from tokentrial import config

    return config.load(root / "config/config.yaml")


@pytest.fixture(scope="session")
def spec_of() -> Callable[..., Spec]:
    """A small condition, as studies.learned_encoding.conditions makes it; keywords replace its keys, nested ones too."""
    from tokentrial.config import merge

    def make(**changes: Any) -> Spec:
        arms = changes.pop("arms", SPEC["arms"])
        return {**merge(SPEC, changes), "arms": arms}

    return make


@pytest.fixture(scope="session")
def data_of() -> Callable[..., Any]:
    """A small data set; keywords replace the keys of its source, or those common to all sources."""
    from tokentrial.data.generate import generate
    from tokentrial.data.spec import COMMON

    def make(seeds: int = 3, **changes: Any) -> Any:
        kept = {key: value for key, value in SOURCE.items() if key in COMMON or "source" not in changes}
        return generate({**kept, **changes}, seed=42, seeds=seeds)

    return make


@pytest.fixture(scope="session")
def job_of() -> Callable[..., Any]:
    """A job of chosen replicates of a data set: ``job(spec, data, (7,))`` holds replicate 7 alone."""
    import torch

    from tokentrial.training import condition

    class Some(condition.Job):
        chosen: tuple[int, ...]

        @property
        def replicates(self) -> tuple[int, ...]:
            return self.chosen

    def make(spec: Mapping[str, Any], data: Any, replicates: Iterable[int]) -> condition.Job:
        chosen = tuple(replicates)
        splits = condition.tensors(data, torch.device("cpu"))
        picked = {split: (ids[list(chosen)], targets[list(chosen)]) for split, (ids, targets) in splits.items()}
        job = Some(spec, picked, condition.token_counts(picked["train"][0], data.vocab_size))
        job.chosen = chosen
        return job

    return make
