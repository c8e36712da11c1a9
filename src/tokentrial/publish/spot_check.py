"""Spot check: jobs of the shipped run, drawn at random, are computed again and compared with it row by row.

Draws are independent, with replacement, each job with a probability in proportion to its rows (monetary-unit sampling,
as auditors do). A job with a differing row counts as different. Its share of the draws is then at least the share of
rows that differ, so that an upper bound of the first (Clopper and Pearson 1934, exact) is one of the second.

The number of draws is fixed before anything is computed, by the seconds that the shipped run's jobs took. Jobs that
take longer than the whole budget cannot be drawn; the answer says which share of the rows that leaves out.

Another model of processor rounds differently, and training amplifies that. Then the recomputed rows are put in place of
the shipped ones, statistics and verdicts are made again of the mixture, and the answer says which verdicts differ. This
shows that the drawn jobs do not hang on the processor's rounding where it matters; the jobs that were not drawn remain
as they were shipped.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from tokentrial import checkout, provenance, results
from tokentrial.checkout import ROOT
from tokentrial.claims.what_if import Dispute, Flip
from tokentrial.data import corpora
from tokentrial.errors import InputError
from tokentrial.publish.reference import rows
from tokentrial.run import shipped_run
from tokentrial.seeds import stream
from tokentrial.studies import cramming, language_models, real_model, small_models

CONFIDENCE = 0.95
START = 4.0
"""Seconds that a job takes beside its training: to start, to draw its data, to write its rows."""
OF_TEXT = (language_models.STUDY, cramming.STUDY, real_model.STUDY)
MOST = 10_000  # draws
STDERR = 2  # file descriptor, so that stdout has the answer alone
QUIET = ("--quiet", "all")


@dataclass(frozen=True)
class Job:
    """A job of the shipped run. rows: in runs.parquet; seconds: to compute it, with what it needs before."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What is drawn. population: all jobs that can be drawn; draws: names in the order of the draws, with repetition.

    left_out: share of the run's rows that cannot be drawn, by reason.
    """

    population: tuple[Job, ...]
    draws: tuple[str, ...]
    left_out: Mapping[str, float]

    @property
    def jobs(self) -> list[str]:
        """The drawn jobs, each once."""
        return list(dict.fromkeys(self.draws))

    @property
    def seconds(self) -> float:
        """The seconds of one core that the drawn jobs take, by those of the shipped run."""
        cost = {job.name: job.seconds for job in self.population}
        return sum(cost[name] for name in self.jobs)

    @property
    def shares(self) -> dict[str, float]:
        """Job -> the probability that one draw takes it."""
        total = sum(job.rows for job in self.population)
        return {job.name: job.rows / total for job in self.population}

    def chance_to_find(self, job: str) -> float:
        """Returns the probability that a change of rows of this job alone is found by so many draws."""
        return float(1 - (1 - self.shares[job]) ** len(self.draws))


def jobs_of(runs: pd.DataFrame, arms: pd.DataFrame, config: Mapping[str, Any]) -> dict[str, tuple[Job, pd.Series]]:
    """Returns job -> its facts and the mask of its rows in ``runs``. runs, arms: the tables of the shipped run."""
    wall = arms[arms["trained_as"].isna()].groupby(["condition", "arm"])["wall_seconds"].sum()
    models = language_models.jobs(config)
    twins = language_models.twins(models)
    jobs = {}
    whole = (small_models.scripts, small_models.conditions, cramming.jobs)
    for name in (name for of_study in whole for name in of_study(config)):
        inside, mask = (_below(columns, name) for columns in (wall.index.to_frame(), runs))
        jobs[name] = Job(name, int(mask.sum()), START + float(wall[inside].sum())), mask
    encoded = real_model.jobs(config)
    for name, spec in encoded.items():
        arm = real_model.trained_arm(name, spec)
        trained = [
            real_model.trained_arm(*each) for each in encoded.items() if each[1]["condition"] == spec["condition"]
        ]
        inside, mask = (
            _below(columns, spec["condition"]) & (columns["arm"] == arm if arm else ~columns["arm"].isin(trained))
            for columns in (wall.index.to_frame(), runs)
        )
        jobs[name] = Job(name, int(mask.sum()), START + float(wall[inside].sum())), mask
    known = {tuple(job.rpartition("/")[::2]) for job in models}
    for name, spec in models.items():
        condition, arm = spec["condition"], spec["arm"]
        mask = (runs["condition"] == condition) & (runs["arm"] == arm)
        if spec["reference"]:  # the job of the first arm writes the bounds of its condition
            others = {each for place, each in known if place == condition}
            mask |= (runs["condition"] == condition) & ~runs["arm"].isin(others)
        needed = {twins.get(name, name)}
        if language_models.needs_full(spec):
            full = f"{condition}/{language_models.FULL}"
            needed.add(twins.get(full, full))
        seconds = sum(START + float(wall.get(tuple(job.rpartition("/")[::2]), 0.0)) for job in needed)
        jobs[name] = Job(name, int(mask.sum()), seconds), mask
    return {name: (job, mask) for name, (job, mask) in jobs.items() if job.rows}


def _below(rows: pd.DataFrame, job: str) -> pd.Series:
    """Returns the mask of the rows whose condition is the job, or belongs to it."""
    return (rows["condition"] == job) | rows["condition"].str.startswith(f"{job}/")


def draw(jobs: Sequence[Job], seconds: float, seed: int, cores: int = 1, with_text: bool = True) -> Plan:
    """Returns the jobs to compute again. seconds: budget of time; seed: of the draws; cores: a job takes one.

    Raises InputError if no job fits into the budget.
    """
    total = sum(job.rows for job in jobs)
    here = [job for job in jobs if with_text or not job.name.startswith(OF_TEXT)]
    fitting = [job for job in here if job.seconds <= seconds]
    if not fitting:
        least = min((job.seconds for job in here), default=0.0)
        raise InputError(f"--minutes: found {seconds / 60:.2g} minutes, expected at least {least / 60:.2g}")
    left_out = {
        "its text is not here": 1 - sum(job.rows for job in here) / total,
        "takes longer than the budget": sum(job.rows for job in here if job.seconds > seconds) / total,
    }
    weights = np.array([job.rows for job in fitting], dtype=float)
    weights /= weights.sum()
    mean = float(np.dot(weights, [job.seconds for job in fitting]))
    number = int(min(MOST, max(1, cores * seconds // mean)))
    places = stream(seed, "spot check").choice(len(fitting), size=number, p=weights)
    kept = {reason: share for reason, share in left_out.items() if share > 0}
    return Plan(tuple(fitting), tuple(fitting[place].name for place in places), kept)


def bound(different: int, draws: int) -> float:
    """Returns the exact upper bound of the share of differing rows, at `CONFIDENCE`, one-sided."""
    if different >= draws:
        return 1.0
    return float(stats.beta.ppf(CONFIDENCE, different + 1, draws - different))


def compute(plan: Plan, folder: Path, cores: int, root: Path = ROOT, shown: Sequence[str] = QUIET) -> None:
    """Computes the drawn jobs in a folder by the workflow's own rules.

    shown: options of Snakemake for what it prints, on stderr. A stopped check goes on in the same folder. Raises
    InputError if a job fails, with the place of its log, and KeyboardInterrupt when all jobs have ended after Ctrl-C.
    """
    targets = [f"results/runs/{name}.parquet" for name in plan.jobs]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), *shown]
    if shipped_run.OVERLAYS:
        command += ["--configfile", *(str(root / name) for name in shipped_run.OVERLAYS)]
    command += ["--", *targets]
    checkout.lead_children(root)
    folder.mkdir(parents=True, exist_ok=True)
    # A group of its own, so that Snakemake has Ctrl-C once and from here: a second one would disturb its end.
    process = subprocess.Popen(command, stdout=STDERR, process_group=0)
    with _ended_by(signal.SIGTERM, signal.SIGHUP):
        try:
            code = process.wait()
        except KeyboardInterrupt:
            _end(process)
            raise
    if code:
        raise InputError(
            f"{folder}: snakemake ended with {code}, expected 0; {folder / 'logs'} has the logs of its jobs"
        )


@contextmanager
def _ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Lets these signals end the body as Ctrl-C does."""

    def interrupted(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupted) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends Snakemake with its jobs as Ctrl-C does, and waits; a second Ctrl-C ends them at once."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Outcome:
    """One job beside the shipped run. missing: rows of one side alone; largest: relative difference, None if equal."""

    job: str
    rows: int
    differing: int
    missing: int
    largest: float | None

    @property
    def equal(self) -> bool:
        return self.differing == self.missing == 0


def compared(name: str, again: pd.DataFrame, reference: pd.DataFrame) -> Outcome:
    """Compares the rows of one job, to the last bit. again, reference: rows of results.RUNS."""
    table = rows.TABLES["runs"]
    joined = rows.join(rows.typed(again, table), rows.typed(reference, table), table)
    differs = rows.any_of(rows.unequal(joined), len(joined.run))
    changes = rows.apart(joined.taken(differs), "value")["relative"].dropna()
    missing = sum(len(part) for part in (joined.only_run, joined.only_reference))
    missing += sum(len(part) for part in (joined.repeated_run, joined.repeated_reference))
    largest = float(changes.max()) if len(changes) else None
    return Outcome(name, len(joined.run), int(differs.sum()), missing, largest)


@dataclass(frozen=True)
class Check:
    """A run to check: its rows and jobs. folder: with the tables of the shipped run, or of a copy of it."""

    folder: Path
    runs: pd.DataFrame
    jobs: Mapping[str, tuple[Job, pd.Series]]
    device: str

    @classmethod
    def read(cls, folder: Path, root: Path = ROOT) -> "Check":
        """Raises InputError for a folder without rows, or whose rows this code's default config does not train."""
        runs, arms = (
            results.read(folder / f"{name}.parquet", schema).to_pandas()
            for name, schema in (("runs", results.RUNS), ("arms", results.ARMS))
        )
        config = shipped_run.config_of(root)
        jobs = jobs_of(runs, arms, config)
        if not jobs:
            raise InputError(f"{folder}: found rows of no job of its config, expected the shipped run")
        return cls(folder, runs, jobs, ", ".join(sorted(set(arms["device"]))))

    def plan(self, minutes: float, seed: int, cores: int) -> Plan:
        """Returns the draws for a budget in minutes on so many cores."""
        with_text = bool(os.environ.get(corpora.VARIABLE))
        return draw([job for job, _ in self.jobs.values()], 60 * minutes, seed, cores, with_text)

    def outcomes(self, plan: Plan, folder: Path) -> list[Outcome]:
        """Compares the jobs that were computed in a folder."""
        return [
            compared(
                name,
                results.read(folder / f"results/runs/{name}.parquet", results.RUNS).to_pandas(),
                self.runs[self.jobs[name][1]],
            )
            for name in plan.jobs
        ]

    @property
    def same_processor(self) -> bool:
        return self.device == provenance.device_name("cpu")

    def mixture(self, plan: Plan, folder: Path) -> pd.DataFrame:
        """Returns the run's rows with those of the recomputed jobs in the place of the shipped ones."""
        drawn = np.any([self.jobs[name][1] for name in plan.jobs], axis=0)
        again = [results.read(folder / f"results/runs/{name}.parquet", results.RUNS).to_pandas() for name in plan.jobs]
        mixed: pd.DataFrame = pd.concat([self.runs[~drawn], *again], ignore_index=True)
        return mixed

    def changed_verdicts(self, plan: Plan, folder: Path) -> tuple[int, list[Flip]]:
        """Returns how many empirical claims there are, and those that the mixture decides otherwise.

        Raises InputError if the run lacks a table that verdicts need.
        """
        dispute = Dispute(self.folder)
        with tempfile.TemporaryDirectory() as name:
            runs = Path(name) / "runs.parquet"
            results.write(runs, results.table(self.mixture(plan, folder), results.RUNS))
            return dispute.flips_by(runs)


def statement(plan: Plan, outcomes: Sequence[Outcome], device: str, here: str) -> list[str]:
    """Returns what the check shows, in sentences."""
    different = {each.job for each in outcomes if not each.equal}
    hits = sum(name in different for name in plan.draws)
    compared_rows, limit = sum(each.rows for each in outcomes), bound(hits, len(plan.draws))
    said = [
        f"{len(outcomes) - len(different)} of {len(outcomes)} jobs are equal to the last bit ({compared_rows:,} rows).",
        f"With {CONFIDENCE:.0%} confidence at most {float(f'{100 * limit:.2g}'):g} % of the rows that could be "
        f"drawn differ ({hits} of {len(plan.draws)} draws, exact bound).",
    ]
    said += [
        f"Not drawn: {100 * share:.2g} % of the rows, whose job {reason}." for reason, share in plan.left_out.items()
    ]
    for each in outcomes:
        if not each.equal:
            apart = "" if each.largest is None else f", by at most {each.largest:.2g} of the value"
            alone = f", {each.missing} in one run alone" if each.missing else ""
            said.append(f"{each.job}: {each.differing} of {each.rows} rows differ{apart}{alone}.")
    if different and device != here:
        said.append(f"The shipped run is from another processor ({device}; here {here}): it rounds differently, and")
        said[-1] += " training amplifies that."
    return said


def on_verdicts(claims: int, flips: Sequence[Flip]) -> list[str]:
    """Returns what the recomputed rows do to the verdicts, in sentences. claims: how many are decided by rows."""
    if not flips:
        return [f"With the recomputed rows in place of the shipped ones all {claims} empirical verdicts are the same."]
    said = [
        f"With the recomputed rows in place of the shipped ones {len(flips)} of {claims} empirical verdicts differ:"
    ]
    return said + [f"  {flip.id}: {flip.before}, here {flip.after}" for flip in flips]


@dataclass(frozen=True)
class Answer:
    """What a check shows. flips: verdicts that the recomputed rows change; said: all of it in sentences."""

    outcomes: list[Outcome]
    flips: list[Flip]
    said: list[str]

    @property
    def differ(self) -> bool:
        """Whether rows differ."""
        return not all(each.equal for each in self.outcomes)


def answer(check: Check, plan: Plan, folder: Path) -> Answer:
    """Returns what the jobs that were computed in a folder show."""
    outcomes = check.outcomes(plan, folder)
    said = statement(plan, outcomes, check.device, provenance.device_name("cpu"))
    if all(each.equal for each in outcomes):
        return Answer(outcomes, [], said)
    try:
        claims, flips = check.changed_verdicts(plan, folder)
    except InputError as error:  # a copy of some tables
        return Answer(outcomes, [], [*said, f"Verdicts were not looked at: {error}."])
    return Answer(outcomes, flips, said + on_verdicts(claims, flips))
