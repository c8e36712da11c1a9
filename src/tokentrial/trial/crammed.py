"""A model of one's own into whose input vectors texts of one's own are crammed, beside the models of document 004.

The engine is that of the cramming study (:mod:`tokentrial.cramming.job`), with the study's tuned settings and its
search for each text's capacity. Texts do not overlap: the file is cut into documents that are longer than any text that
is tried (:func:`tokentrial.real_model.own_text.pieces`), and each text is the beginning of one.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from tokentrial import documents, published, results
from tokentrial.checkout import ROOT
from tokentrial.cramming import design as designs
from tokentrial.cramming import folders, measures, saved, sources
from tokentrial.cramming.batch_work import BatchTexts
from tokentrial.cramming.cells import NATURAL, STUDY, TUNED, Cells
from tokentrial.cramming.columns import MEASURES
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.design import Batch
from tokentrial.cramming.engine import Cramming
from tokentrial.cramming.evidence import Evidence
from tokentrial.cramming.job import Job, model_files
from tokentrial.cramming.saved import Crammed, Vectors
from tokentrial.cramming.search import Search
from tokentrial.cramming.texts import DIGEST_TOKENS, DIGEST_WORDS, first_words
from tokentrial.data.delivery import read_text
from tokentrial.errors import InputError
from tokentrial.published import PublishedTable
from tokentrial.real_model.own_text import Files, files_of, is_enough, pieces
from tokentrial.results import whole_file
from tokentrial.run import conditions, methods
from tokentrial.run.view import View
from tokentrial.schema import study_files
from tokentrial.training import device
from tokentrial.training.runner import Runner, digest_of_files

EXPERIMENT = "capacity"  # of the study, after which rows and figures are named
VECTORS = 1
SEED = 0
FEWEST = 2  # texts of an interval
SETTINGS = {"confidence": 0.95, "resamples": 9999, "minimum_texts": FEWEST}
PUBLISHED = "cramming-models"
VECTORS_FILE = "vectors.safetensors"
UNNAMED = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Request:
    """What is asked. lengths: tokens of the texts; texts: most texts of a length; steps: None for the study's."""

    model: str
    text: Path
    lengths: Sequence[int]
    texts: int = 16
    steps: int | None = None


@dataclass(frozen=True)
class Result:
    """What was measured. folder: of the model; view: the rows, as those of a run with this model alone."""

    model: str
    folder: Path
    text: Path
    view: View
    vectors: Vectors
    printed: Mapping[str, PublishedTable]
    texts: int


class Kept(Job):
    """A job of the study that keeps the vectors of the lengths that are asked for."""

    def __init__(self, design: Mapping[str, Any], reader: Reader, files: Mapping[str, str]) -> None:
        super().__init__(design, reader, files)
        self.kept: dict[int, Crammed] = {}

    def log(self, message: str) -> None:
        print(f"cram: {message}", file=sys.stderr, flush=True)

    def _add_batch(self, batch: Batch, texts: BatchTexts, work: Cramming, seconds: float) -> None:
        before = len(self.rows)
        super()._add_batch(batch, texts, work, seconds)
        exact = [row.value == 1 for row in self.rows[before:] if row.metric == "greedy_exact"]
        self.kept[batch.length] = Crammed(work.records.vectors.cpu(), texts.ids.cpu(), torch.tensor(exact))


def cram(request: Request, working: Path) -> Result:
    """Crams the texts, and returns measures and vectors.

    working: a folder for what is not kept. Raises InputError for a model, length or text that cannot be used.
    """
    of_text = files_of(request.text)
    folder = sources.folder_of(request.model, working)
    name = UNNAMED.sub("-", sources.title_of(request.model)).strip("-") or "model"
    model = folders.read(folder, device.prepare({"device": "cpu"}))
    files = study_files.load(ROOT)[STUDY]
    design = designed(request, name, files.design)
    checked(design, model)
    search = Search(designs.places(design), 1, model.context)
    lines = texts_of(request.text, of_text, model, max(search.longest, DIGEST_TOKENS), request.texts)
    design["texts"] = len(lines)
    path = working / "text.txt"
    with whole_file(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    job = Kept(design, Reader.of(model), dict.fromkeys(("train", "validation", "test"), str(path)))
    Runner(json.dumps(design), [], str(working / "checkpoints"), float("inf")).run(job)
    printed = published.load(documents.printed_files(ROOT / "documents"))
    vectors = Vectors(name, digest_of_files(model_files(str(folder))), 1, design["arms"][TUNED], job.kept)
    return Result(name, folder, request.text, viewed(job, design, files.names), vectors, printed, len(lines))


def read_back(result: Result, working: Path) -> tuple[int, int]:
    """Writes the vectors to ``VECTORS_FILE`` in ``working``, reads and decodes them, and counts the texts.

    Returns how many texts greedy decoding gave back when they were measured, and how many it gives back from the file.
    """
    path = working / VECTORS_FILE
    path.write_bytes(result.vectors.to_bytes())
    again = saved.read(path)
    measured = sum(int(of_length.exact.sum()) for of_length in again.texts.values())
    return measured, sum(saved.whole(folders.plain(result.folder), again).values())


def designed(request: Request, name: str, study: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the specification of the job, without the number of texts. study: the settings of its file."""
    tuned = dict(study["settings"][TUNED])
    if request.steps is not None:
        tuned["steps"] = request.steps
    return {
        "study": STUDY, "condition": f"{STUDY}/{EXPERIMENT}/{name}", "design": EXPERIMENT, "model": name,
        "kinds": [NATURAL], "lengths": sorted(request.lengths), "vectors": [VECTORS], "per_vector": False,
        "controls": [], "arms": {TUNED: tuned}, "texts": request.texts, "search": True, "predict_first": False,
        "precision": "float32", "compile": False, "seed": SEED, "device": "cpu", "room": 1,
    }  # fmt: skip


def checked(design: Mapping[str, Any], model: folders.LanguageModel) -> None:
    """Raises InputError for lengths that cannot be used."""
    shortest, longest = design["lengths"][0], design["lengths"][-1]
    if shortest < 2:
        raise InputError(f"--lengths: found {shortest}, expected at least 2: a text's first token is given")
    if model.context is not None and longest + VECTORS > model.context:
        most = f"expected at most {model.context - VECTORS}: the model's context is {model.context}"
        raise InputError(f"--lengths: found {longest}, {most}")


def texts_of(path: Path, files: Files, model: folders.LanguageModel, tokens: int, count: int) -> list[str]:
    """Returns at most ``count`` documents of more than ``tokens`` tokens, each on a line.

    Raises InputError for files that cannot be read, and for a text with fewer than two such documents.
    """
    every = files.values() if isinstance(files, Mapping) else files
    cut = (piece for file in every for piece in pieces(read_text(file), model, tokens, flat=True))
    different = {first_words([line], DIGEST_WORDS): line for line in cut if is_enough(line, model, tokens)}
    lines = list(islice(different.values(), count))
    if len(lines) < FEWEST:
        found = f"found {len(lines)} passage{'s' * (len(lines) != 1)} of more than {tokens} tokens"
        asked = f"expected at least {FEWEST}: a longer text, or shorter --lengths (texts are tried up to twice as long)"
        raise InputError(f"--text: {path}: {found}, {asked}")
    return lines


def viewed(job: Job, design: Mapping[str, Any], names: Any) -> View:
    """Returns the rows of a job as a view of a run, with the study's measures. names: those of the study's file."""
    runs = pd.DataFrame([(STUDY, *row) for row in job.rows], columns=results.RUNS.names)
    runs = runs.astype({"step": "Int32", "seed": "int32", "value": "float64"})
    arms = runs[["study", "condition", "arm"]].drop_duplicates()
    plan = conditions.planned({}, {}, {}, {}, {}, {design["condition"]: design})
    described = conditions.table(plan, {STUDY: names}, arms, "text"), methods.table({STUDY: names}, arms)
    evidence = Evidence(Cells(runs, *described, minimum_texts=FEWEST), SETTINGS, SEED)
    measured = measures.table(list(measures.rows(evidence)), MEASURES).to_pandas()
    costs, summary, compared = (
        pd.DataFrame(columns=schema.names) for schema in (results.ARMS, results.SUMMARY, results.STATISTICS)
    )
    return View(runs, costs, summary, compared, *described, measured)
