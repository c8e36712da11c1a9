"""Runs of the cramming study with known truth: a vector takes up to ``room`` nats, a text of less is solved."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tokentrial import results
from tokentrial.cramming.cells import Cells
from tokentrial.cramming.evidence import Evidence
from tokentrial.cramming.texts import STREAMS
from tokentrial.seeds import stream

RATES = {  # nats per predicted token, by kind of text
    "text-test": 4.0,
    "text-train": 3.9,
    "samples": 3.0,
    "random-words": 6.0,
    "random-tokens": 7.0,
    "shuffled": 5.5,
    "repeated": 2.0,
}
UNITS = {"accuracy": "fraction", "accuracy_without": "fraction", "cross_entropy": "nats"}
UNITS |= {"cross_entropy_without": "nats", "greedy_exact": "1", "greedy_prefix": "tokens"}
UNITS |= {"steps": "steps", "solved_step": "steps"}
SETTINGS = {"confidence": 0.95, "resamples": 400}
Row = tuple[Any, ...]


def facts(design: str, model: str, width: int = 64, layers: int = 4, loss: float = 4.0, **more: float) -> list[Row]:
    """The rows that describe a model."""
    values = {"width": width, "layers": layers, "vocab_size": 1024, "parameters": 1000 * width * layers}
    values |= {"context": 512, "validation_cross_entropy": loss, "test_cross_entropy": loss + 0.1, **more}
    name = f"cramming/{design}/{model}"
    return [
        ("cramming", name, "model", 0, "model", None, metric, float(value), "1") for metric, value in values.items()
    ]


def cells(
    design: str,
    model: str,
    kinds: Iterable[str] = ("text-test",),
    lengths: Iterable[int] = (4, 8, 12, 16, 24, 32),
    vectors: int = 1,
    arm: str = "tuned",
    texts: int = 16,
    room: float = 30.0,
    rooms: Mapping[str, float] | None = None,
    spread: float = 0.15,
) -> list[Row]:
    """Texts of H nats, of which a vector takes ``room`` (of a kind: ``rooms``) times a factor of the text's own."""
    made: list[Row] = []
    for kind in kinds:
        for text in range(texts):
            rng = stream(1, "text", STREAMS.get(kind, kind), text)
            rate = RATES[kind] * (1 + spread * rng.normal())
            own = (rooms or {}).get(kind, room) * (1 + spread * rng.normal())
            for length in lengths:
                predicted = length - 1
                entropy = rate * predicted
                gain = min(entropy, own)
                solved = float(entropy <= own)
                right = 1.0 if solved else 0.1 + 0.85 * gain / entropy
                values = {
                    "accuracy": right,
                    "accuracy_without": 0.1,
                    "cross_entropy": (entropy - gain) / predicted,
                    "cross_entropy_without": rate,
                    "greedy_exact": solved,
                    "greedy_prefix": predicted if solved else 0.0,
                    "steps": 100.0 if solved else 1000.0,
                    "solved_step": 100.0 if solved else None,
                }
                name = f"cramming/{design}/{model}/{kind}/n-{length}-m-{vectors}"
                made += [
                    ("cramming", name, arm, text, kind, None, metric, value, UNITS[metric])
                    for metric, value in values.items()
                ]
    return made


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows of results.RUNS."""
    made = pd.DataFrame(list(rows), columns=results.RUNS.names)
    return made.astype({"step": "Int32", "seed": "int32", "value": "float64"})


def evidence(rows: Iterable[Row], models: Mapping[str, Any] | None = None, **settings: Any) -> Evidence:
    """What measures and decisions start from."""
    cells = Cells(frame(rows), models, minimum_texts=settings.get("minimum_texts", 16))
    return Evidence(cells, {**SETTINGS, **settings}, seed=7)


def study(texts: int = 16) -> list[Row]:
    """A small run with every design."""
    made: list[Row] = []
    shapes = {"llama-64x2": (64, 2, 20.0), "llama-128x2": (128, 2, 40.0), "llama-256x2": (256, 2, 80.0)}
    shapes |= {"llama-64x4": (64, 4, 30.0), "neox-64x4": (64, 4, 28.0), "mamba-64x4": (64, 4, 25.0)}
    for model, (width, layers, room) in shapes.items():
        made += facts("capacity", model, width, layers, 4.0) + cells("capacity", model, texts=texts, room=room)
    made += facts("capacity", "untrained", 64, 4, 6.9) + cells("capacity", "untrained", texts=texts, room=0.5)
    made += facts("uncertainty", "llama-128x2", 128, 2)
    made += cells("uncertainty", "llama-128x2", RATES, (8, 12, 16, 24, 32), texts=texts, room=40.0)
    made += facts("vectors", "llama-64x4")
    for m in (1, 2, 4, 8):
        made += cells("vectors", "llama-64x4", lengths=(8 * m, 16 * m), vectors=m, texts=texts, room=30.0 * m)
    made += facts("settings", "llama-64x4")
    for arm, room in (("tuned", 30.0), ("paper", 15.0)):
        made += cells("settings", "llama-64x4", lengths=(8, 16), arm=arm, texts=texts, room=room)
    for control, room in (("random-vector", -1.0), ("prefix", 5.0), ("shared", 12.0)):
        made += cells("controls", "llama-64x4", lengths=(8, 16), arm=f"control.{control}", texts=texts, room=room)
    return made
