"""An own encoder in language models on text, beside the shipped rows: the conditions of the study of language models.

The shipped rows are those of WikiText-2, so the text has to be WikiText-2, too: from the folder of TOKENTRIAL_WIKITEXT2
or the network. Own arms are those of an overlay, trained by the job of a run: all their seeds at the rates that the
shipped arms have, of which each seed keeps the best on validation data.
"""

import ast
import importlib.util
import io
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial import config as settings
from tokentrial import encoder_source, results
from tokentrial.checkout import ROOT
from tokentrial.data import corpora
from tokentrial.errors import InputError
from tokentrial.run.finals import LOSS
from tokentrial.schema import validation
from tokentrial.schema.declared import OWN
from tokentrial.studies import language_models, rates
from tokentrial.trial import checks, judged, places
from tokentrial.trial.candidates import Candidate
from tokentrial.trial.checks import Sizes
from tokentrial.trial.judged import Judged, Trained
from tokentrial.trial.places import MIDDLE, WAY

STUDY = "language_models"
NEEDED = ("tokenizers", "pooch")
"""Modules of the extra workflow: without them an encoder is tried on the chain alone."""
MOST = 3
"""Most arms on text in the quick protocol."""
QUICK_SEEDS = 3
"""Their seeds, the first of the shipped arms': an arm of ten seeds takes minutes, and differences on text are large
against their spread."""
FULL = language_models.FULL

Spec = dict[str, Any]
Files = Mapping[str, str]


class NoText(InputError):
    """WikiText-2 cannot be had here."""


@dataclass(frozen=True)
class TextPlace:
    """A condition of language models with its shipped rows. specs: those of the shipped arms' jobs, by arm."""

    on: str
    study: str
    experiment: str
    config: Spec
    specs: Mapping[str, Spec]
    runs: pd.DataFrame
    arms: pd.DataFrame
    conditions: pd.DataFrame

    @property
    def rates(self) -> list[float]:
        """The learning rates of the shipped arms."""
        return sorted({rate for spec in self.specs.values() for rate in spec["training"]["learning_rates"]})

    @property
    def narrow(self) -> bool:
        """Whether the body has the encoding's width, so that an encoder that keeps the full model's cannot be tried."""
        return bool(self.conditions["narrow"].iloc[0])

    @property
    def seconds(self) -> float:
        """Seconds of one core for an own arm: those of the shipped full table for as many seeds, at each rate."""
        full = self.arms[self.arms["arm"] == FULL]
        return float(full["wall_seconds"].sum() / full["seeds"].sum()) * self.seeds * len(self.rates)

    @property
    def seeds(self) -> int:
        """Seeds that are trained: those of the shipped arms, unless few were asked for."""
        return int(self.specs[FULL]["seeds"])

    def with_seeds(self, most: int) -> "TextPlace":
        """The place with at most so many seeds for what is trained here."""
        few = {arm: {**spec, "seeds": min(most, spec["seeds"])} for arm, spec in self.specs.items()}
        return replace(self, specs=few)


def place(on: str = places.TEXT, root: Path = ROOT) -> TextPlace:
    """Returns the condition ``<experiment>/<tokens>``, done right. Raises InputError for one that the rows lack."""
    known = places.read_shipped(root)
    rows = known.conditions[(known.conditions["study"] == STUDY) & (known.conditions["way"] == WAY)]
    titles = rows["experiment"] + "/" + rows["tokens"]
    if on not in set(titles):
        raise InputError(f"--on: {settings.unknown_key(on, list(titles)).removeprefix('unknown key ')}")
    rows = rows[titles == on]
    [name] = rows["condition"]
    jobs = {spec["arm"]: spec for spec in known.applied.language_models.values() if spec["condition"] == name}
    experiment = str(rows["experiment"].iloc[0])
    runs, arms = (table[table["condition"] == name] for table in (known.runs, known.arms))
    return TextPlace(on, STUDY, experiment, known.config, jobs, runs, arms, rows)


def spread(sweep: Sequence[Mapping[str, Any]], most: int | None) -> list[Mapping[str, Any]]:
    """Returns at most so many of the combinations of options, the first and the last among them; None: all."""
    if most is None or len(sweep) <= most:
        return list(sweep)
    return [sweep[round(k * (len(sweep) - 1) / (most - 1))] for k in range(most)]


def arms_of(candidate: Candidate, sweep: Sequence[Mapping[str, Any]]) -> dict[str, Spec]:
    """Returns arm -> encoder and options; names of arms of language models have small letters."""
    return {name.lower(): arm for name, arm in judged.arms_of(candidate, sweep).items()}


def overlay(where: TextPlace, candidate: Candidate, arms: Mapping[str, Spec]) -> tuple[Spec, dict[str, Spec]]:
    """Returns the config with the own arms, each at the middle ratio, and their jobs' specifications by arm."""
    for name in arms:
        if name in where.config[STUDY]["arms"]:
            raise InputError(f"{candidate.where}: an arm is already called '{name}', expected another class's name")
    entries = {
        "arms": dict(arms),
        "methods": {name: {"role": OWN, "name": name} for name in arms},
        "experiments": {where.experiment: {WAY: {"single+": [f"{name}-{MIDDLE}" for name in arms]}}},
    }
    config = settings.merge(where.config, {STUDY: entries})
    settings.check_values(config)
    validation.check(config)
    planned = rates.plan(config).language_models
    [condition] = where.conditions["condition"]
    own = {name: planned[f"{condition}/{name}-{MIDDLE}"] for name in arms}
    training = {"learning_rates": where.rates}
    return config, {
        name: {**spec, "seeds": where.seeds, "training": {**spec["training"], **training}} for name, spec in own.items()
    }


@contextmanager
def tokens(config: Mapping[str, Any], name: str = "bpe") -> Iterator[dict[str, str]]:
    """Yields the files of WikiText-2's tokens, in a folder that goes away. Raises NoText if they cannot be made."""
    for module in NEEDED:
        if importlib.util.find_spec(module) is None:
            raise NoText(f"needs the module '{module}', which is not installed: pip install 'tokentrial[workflow]'")
    from tokentrial.data import delivery, tokenise

    with tempfile.TemporaryDirectory() as folder:
        texts = {split: f"{folder}/{split}.txt" for split in corpora.SPLITS}
        record, parts = f"{folder}/corpus.json", (*corpora.SPLITS, "vocabulary", "reference")
        try:
            delivery.deliver(corpora.Setting(corpora.WIKITEXT2).canonical(), None, f"{folder}/source", texts, record)
        except InputError as error:
            raise NoText(str(error)) from None
        files = {part: f"{folder}/{part}.parquet" for part in parts}
        tokenise.prepare(texts, record, **config[STUDY]["tokens"][name], out=files)
        yield files


def starts_from_table(candidate: Candidate) -> bool:
    """Whether the encoder is made from the trained full table, by its class or by the text of its file."""
    if candidate.kind.after_training:
        return True
    try:
        text = Path(candidate.file or "").read_text(encoding="utf-8")
        ast.parse(text)
    except (OSError, ValueError, SyntaxError):
        return False
    return encoder_source.of_text(text).uses_table


def judge(
    candidate: Candidate, where: TextPlace, sweep: Sequence[Mapping[str, Any]], files: Files, root: Path = ROOT
) -> Judged:
    """Trains every combination of options in a condition of language models and compares it with the shipped arms."""
    from tokentrial.data.tokenise import VOCABULARY

    started = time.perf_counter()
    arms = arms_of(candidate, sweep)
    config, specs = overlay(where, candidate, arms)
    rows, costs, trained = [where.runs], [where.arms], list[Trained]()
    with tempfile.TemporaryDirectory() as folder:
        full = None
        if starts_from_table(candidate):
            full = f"{folder}/full.safetensors"
            print(f"full table on {where.on}: trains {where.specs[FULL]['seeds']} seeds", file=sys.stderr, flush=True)
            _run(where.specs[FULL], files, None, folder, full)
        for name, spec in specs.items():
            print(f"{name} on {where.on}: trains {spec['seeds']} seeds", file=sys.stderr, flush=True)
            with candidate.told(f"{name} on {where.on}"):
                runs, cost = _run(spec, files, full, folder)
            lost = runs[(runs["metric"] == LOSS) & runs["value"].isna()]
            if len(lost):
                found = "found a loss that is NaN, expected finite losses"
                raise InputError(f"{candidate.where}: {name} on {where.on}: {found}")
            rows.append(runs)
            costs.append(cost)
            options = {key: value for key, value in arms[name].items() if key != "encoder"}
            vocabulary = int(results.read(files["vocabulary"], VOCABULARY).num_rows)
            sizes = Sizes(vocabulary, spec["width"], spec["full_width"])
            table = checks.build(candidate, sizes, options).bits_deployed()
            facts = cost.iloc[0]
            arm = str(facts["arm"])
            seconds, bits = float(facts["wall_seconds"]), int(facts["bits_deployed"])
            trained.append(Trained(arm, spec["condition"], MIDDLE, options, bits, table, None, None, seconds))
    tables = pd.concat(rows, ignore_index=True), pd.concat(costs, ignore_index=True)
    return judged.compared(candidate, where, config, trained, tables, None, started, root)


def _run(
    spec: Spec, files: Files, trained: str | None, folder: str, models: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs the job of an arm: its rows of results.RUNS and of results.ARMS."""
    from tokentrial.training.language_job import run_language_model

    out = [f"{folder}/{spec['arm']}.{part}.parquet" for part in ("runs", "arms")]
    kept = f"{folder}/checkpoints/{spec['arm']}"
    with redirect_stderr(io.StringIO()):  # a line for each look
        run_language_model(settings.canonical(spec), files, [], trained, kept, out[0], out[1], models)
    runs: pd.DataFrame = results.read(out[0], results.RUNS).to_pandas()
    arms: pd.DataFrame = results.read(out[1], results.ARMS).to_pandas()
    return runs, arms
