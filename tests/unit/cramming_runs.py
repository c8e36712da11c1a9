"""Runs of the cramming study with known truth: a vector takes up to ``room`` nats, a text of less is solved."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial import results
from tokentrial.claims import decisions
from tokentrial.cramming import measures
from tokentrial.cramming.cells import Cells
from tokentrial.cramming.columns import DECISIONS, MEASURES
from tokentrial.cramming.evidence import Evidence
from tokentrial.cramming.search import Cell, Search
from tokentrial.cramming.texts import STREAMS
from tokentrial.run import conditions as conditions_
from tokentrial.run import methods as methods_
from tokentrial.run.view import View
from tokentrial.schema import study_files
from tokentrial.seeds import stream
from tokentrial.studies.cramming import deciding

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
ROOT = Path(__file__).parents[2]
CONFIG = study_files.default(ROOT)
SETTINGS = {"confidence": 0.95, "resamples": 400, "compared": CONFIG["cramming"]["compared"]}
Row = tuple[Any, ...]
STUDIES = {"cramming": study_files.load(ROOT)["cramming"].names}


def facts(design: str, model: str, width: int = 64, layers: int = 4, loss: float = 4.0, **more: float) -> list[Row]:
    """The rows that describe a model."""
    values = {"width": width, "layers": layers, "vocab_size": 1024, "parameters": 1e6 * width * layers}
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
    search: bool = True,
) -> list[Row]:
    """Texts of H nats, of which a vector takes ``room`` (of a kind: ``rooms``) times a factor of the text's own.

    search: whether each text's capacity is searched to one token, but for controls.
    """
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
            if search and not arm.startswith("control."):
                cell = Cell(arm, vectors, kind, text)
                made += searched(f"cramming/{design}/{model}", cell, lengths, lambda n, r=rate, o=own: r * (n - 1) <= o)
    return made


def searched(job: str, cell: Cell, lengths: Iterable[int], solved: Callable[[int], bool]) -> list[Row]:
    """The rows of a text's search, as a job does it."""
    made: list[Row] = []
    search = Search([(length, cell.vectors) for length in lengths], 1, None)
    for length in lengths:
        search.add(cell, length, solved(length))
    while (length := search.next_length(cell)) is not None:
        search.add(cell, length, solved(length))
        name = f"{job}/{cell.kind}/n-{length}-m-{cell.vectors}"
        values = {"search_accuracy": 1.0 if solved(length) else 0.5, "search_exact": float(solved(length))}
        for metric, value in values.items():
            made.append(("cramming", name, cell.arm, cell.text, cell.kind, None, metric, value, "1"))
    return made


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows of results.RUNS."""
    made = pd.DataFrame([(*row, text_of(row)) for row in rows], columns=results.RUNS.names)
    return made.astype({"step": "Int32", "seed": "int32", "value": "float64"})


def text_of(row: Row) -> str | None:
    """What stands for the digest of a row's text: text i of a kind is the same for every model."""
    return None if row[2] == "model" else f"{row[4]} {row[3]:04d}"


def described(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the conditions and arms of these rows are, as rule conditions says it of a config that plans them."""
    arms = runs[["study", "condition", "arm"]].drop_duplicates()
    jobs = dict.fromkeys("/".join(name.split("/")[:3]) for name in arms["condition"])
    crammed = {job: dict(zip(("study", "design", "model"), job.split("/"), strict=True)) for job in jobs}
    plan = conditions_.planned({}, {}, {}, {}, {}, crammed)
    return conditions_.table(plan, STUDIES, arms, "WikiText-2"), methods_.table(STUDIES, arms)


def cells_of(runs: pd.DataFrame, models: Mapping[str, Any] | None = None, **options: Any) -> Cells:
    """The blocks of these rows of results.RUNS; models: entries of a config, by default of the shipped one."""
    return Cells(runs, *described(runs), deciding(CONFIG)["models"] if models is None else models, **options)


def evidence(rows: Iterable[Row] | pd.DataFrame, models: Mapping[str, Any] | None = None, **settings: Any) -> Evidence:
    """What measures and decisions start from."""
    runs = rows if isinstance(rows, pd.DataFrame) else frame(rows)
    cells = cells_of(runs, models, minimum_texts=settings.get("minimum_texts", 16))
    return Evidence(cells, {**SETTINGS, **settings}, seed=7)


def view_of(rows: Iterable[Row], **settings: Any) -> View:
    """A run of these rows, measured and decided."""
    rows = list(rows)
    of_rows = evidence(rows, **settings)
    measured = measures.table(list(measures.rows(of_rows)), MEASURES).to_pandas()
    decided = measures.table(decisions.rows(of_rows), DECISIONS).to_pandas()
    return replace(bare_view(rows), measures=measured, decisions=decided)


def bare_view(rows: Iterable[Row]) -> View:
    """A run of these rows alone."""
    runs = frame(rows)
    empty = [pd.DataFrame(columns=schema.names) for schema in (results.ARMS, results.SUMMARY, results.STATISTICS)]
    return View(runs, *empty, *described(runs))


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
