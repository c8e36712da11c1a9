"""A tiny run of the study of a real model: texts, an untrained model, the job's rows, and the view of them."""

import json
from pathlib import Path
from typing import Any

import cramming_models
import pandas as pd

from tokentrial import results
from tokentrial.cramming import folders
from tokentrial.real_model import job, training_job
from tokentrial.run import conditions, statistics
from tokentrial.run import methods as methods_
from tokentrial.run.columns import CONDITIONS, METHODS
from tokentrial.run.columns import conditions as conditions_of
from tokentrial.run.columns import methods as methods_of
from tokentrial.run.view import View
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[2]
ARMS = [["full", {"code": "plain"}], ["svd-2", {"code": "svd", "width": 4}], ["int4", {"code": "integers", "bits": 4}]]
BANDED = {"code": "banded_widths", "widths": [8, 4, 2]}
MORE = [
    *ARMS,
    ["svd-4", {"code": "svd", "width": 2}],
    ["int8", {"code": "integers", "bits": 8}],
    ["int2", {"code": "integers", "bits": 2}],
    *([name, {**BANDED, "order": order}] for name, order in (("bands", "frequency"), ("bands_permuted", "permuted"))),
    ["bands_uniform", {**BANDED, "order": "uniform"}],
]
TRAINING = {"seeds": 2, "steps": 6, "batch": 3, "length": 12, "rate": 0.1, "precision": "float32"}
LEARNED: dict[str, Any] = {"code": "learned", "width": 4, "start": "svd", "uses": ["input", "tied"], **TRAINING}
CONDITION = "real_model/token-table/tiny"
SETTINGS = {"confidence": 0.95, "resamples": 100, "equivalence_margin": 0.05}


def spec(**changes: Any) -> str:
    design = {
        "study": "real_model", "condition": CONDITION, "design": "token-table", "model": "tiny", "arms": ARMS,
        "documents": 5, "tokens": 20, "counted_tokens": 1000, "seed": 3, "device": "cpu",
    }  # fmt: skip
    return json.dumps(design | changes)


def make_place(folder: Path) -> Path:
    """Writes texts, their record and a tiny model into a folder, and returns it."""
    files = cramming_models.write_texts(folder)
    record = {"name": "wikitext-2", "title": "WikiText-2", "source": "folder", "version": None, "fallback": None}
    (folder / "corpus.json").write_text(json.dumps(record | {"pretokenised": True, "splits": {}}))
    shape = {"architecture": "llama", "width": 16, "layers": 1, "context": 64}
    model = cramming_models.architectures.build(shape, cramming_models.VOCAB_SIZE, seed=1)
    folders.write(folder / "model", model, cramming_models.bpe(files["train"]), {})
    return folder


def texts(place: Path) -> dict[str, str]:
    return {split: str(place / f"{split}.tokens") for split in ("train", "validation", "test")}


def run(place: Path, out: Path, **changes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a job and its costs."""
    paths = [str(out / name) for name in ("checkpoints", "runs.parquet", "arms.parquet")]
    job.run_real_model(spec(**changes), str(place / "model"), texts(place), str(place / "corpus.json"), [], *paths)
    runs, arms = (results.read(path, kind) for path, kind in zip(paths[1:], (results.RUNS, results.ARMS), strict=True))
    return runs.to_pandas(), arms.to_pandas()


def run_trained(place: Path, out: Path, arm: str, options: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same of the job of a trained arm."""
    paths = [str(out / name) for name in ("checkpoints", "runs.parquet", "arms.parquet")]
    inputs = (str(place / "model"), texts(place), str(place / "corpus.json"))
    training_job.run_training(spec(arms=[ARMS[0], [arm, options]]), *inputs, [], *paths, checkpoint_seconds=0.0)
    runs, arms = (results.read(path, kind) for path, kind in zip(paths[1:], (results.RUNS, results.ARMS), strict=True))
    return runs.to_pandas(), arms.to_pandas()


def described(arms: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of conditions and of methods."""
    plan = conditions.planned({}, {}, {}, {}, {}, {CONDITION: json.loads(spec())})
    studies = {"real_model": study_files.load(ROOT)["real_model"].names}
    return conditions.table(plan, studies, arms, "WikiText-2"), methods_.table(studies, arms)


def view(runs: pd.DataFrame, arms: pd.DataFrame) -> View:
    """The view of the rows, with levels and comparisons as a run computes them."""
    table, methods = described(arms)
    whole = {name: "Int64" for name in CONDITIONS.names if CONDITIONS.field(name).type == "int64"}
    by_name = conditions_of(results.table(table.astype(whole), CONDITIONS))
    by_arm = methods_of(results.table(methods.astype({"ratio": "Int64"}), METHODS))
    summary = statistics.summarise(runs, [], SETTINGS["confidence"])
    compared = statistics.compare_arms(runs, by_name, by_arm, SETTINGS, 3)
    return View(runs, arms, summary, compared, table, methods, corpus="WikiText-2")
