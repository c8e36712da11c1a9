"""An encoder's arms trained beside the shipped rows: the same conditions, data, seeds and statistics as in a run.

The config is the default one with an overlay that adds the arms, as docs/extending.md shows. Their specifications are
those of a run with this overlay; the shipped arms are not trained again but for one, which shows whether this machine
rounds as the shipped run's did.
"""

import io
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from tokentrial import config as settings
from tokentrial import results
from tokentrial.checkout import ROOT
from tokentrial.data.dataset import Dataset
from tokentrial.data.generate import generate
from tokentrial.errors import InputError
from tokentrial.models import heads
from tokentrial.run import columns, methods, statistics
from tokentrial.run.finals import LOSS
from tokentrial.schema import study_files, validation
from tokentrial.schema.declared import OWN, Study
from tokentrial.statistics.pareto import Curve, EqualBits, compare_at_equal_bits, curves, front
from tokentrial.studies import rates
from tokentrial.training import condition
from tokentrial.training.search import Limits, grid
from tokentrial.training.writing import machine
from tokentrial.trial import candidates, checks
from tokentrial.trial.candidates import Candidate
from tokentrial.trial.checks import Sizes
from tokentrial.trial.places import WAY, Place, Spec
from tokentrial.trial.sizes import entropy_coded

AT = "@"  # between an arm and its ratio, where sizes of several conditions are one curve


@dataclass(frozen=True)
class Trained:
    """An own arm in one condition. table_bits: of the encoder alone; packed, zstd: bytes of a seed's table, mean.

    These bytes are None for language models.
    """

    arm: str
    condition: str
    ratio: int
    options: Mapping[str, Any]
    bits: int
    table_bits: int
    packed: int | None
    zstd: int | None
    seconds: float


@dataclass
class Judged:
    """The result of a try: own arms, rows, levels and comparisons of all arms, and what the witness showed.

    methods: rows of run.columns.METHODS, in which all own arms are sizes of one method.
    """

    candidate: Candidate
    on: str
    trained: list[Trained]
    runs: pd.DataFrame
    summary: pd.DataFrame
    pairs: pd.DataFrame
    bits: pd.Series
    equal_bits: dict[str, EqualBits]
    methods: pd.DataFrame
    confidence: float
    drift: float | None
    minutes: float
    shown: dict[str, str] = field(default_factory=dict)


def ratios_of(
    where: Place, candidate: Candidate, sweep: Sequence[Mapping[str, Any]], wanted: Sequence[int]
) -> list[int]:
    """Returns the ratios to train at: those that are wanted; else all if bits depend on the width, else one."""
    if wanted:
        if unknown := [ratio for ratio in wanted if ratio not in where.specs]:
            raise InputError(f"--ratios: found {unknown[0]}, expected some of {', '.join(map(str, where.specs))}")
        return list(dict.fromkeys(wanted))
    for options in sweep:
        some = {checks.initial(candidate, where.sizes(ratio), options, (0,)).encoder.bits_deployed()
                for ratio in where.specs}  # fmt: skip
        if len(some) > 1:
            return list(where.specs)
    return [where.middle]


def arms_of(candidate: Candidate, sweep: Sequence[Mapping[str, Any]]) -> dict[str, Spec]:
    """Returns arm -> its entry in an overlay: the encoder and its options.

    Arms are ``<class>_<options>``: an arm without a hyphen is a method of its own, which a run compares with every
    other one, the study's own encoding included.
    """
    arms: dict[str, Spec] = {}
    for options in sweep:
        size = candidates.size_of(options)
        name = f"{candidate.name}_{size}" if size else candidate.name
        if name in arms:
            raise InputError(f"--set: found two combinations of options called '{name}', expected values that differ")
        arms[name] = {"encoder": candidates.ENCODER, **options}
    return arms


def overlay(where: Place, candidate: Candidate, arms: Mapping[str, Spec]) -> Spec:
    """Returns the config with the arms in the experiment, as a run with this overlay has it; checks it like one."""
    for name in arms:
        if name in where.config[where.study]["arms"]:
            raise InputError(f"{candidate.where}: an arm is already called '{name}', expected another class's name")
    added = {
        "arms": dict(arms),
        "methods": {name: {"role": OWN} for name in arms},
        "experiments": {where.experiment: {WAY: {"arms+": list(arms)}}},
    }
    config = settings.merge(where.config, {where.study: added})
    settings.check_values(config)
    validation.check(config)
    return config


def judge(
    candidate: Candidate,
    where: Place,
    sweep: Sequence[Mapping[str, Any]],
    ratios: Sequence[int],
    root: Path = ROOT,
) -> Judged:
    """Trains every combination of options at every ratio and compares it with the shipped arms."""
    started = time.perf_counter()
    arms = arms_of(candidate, sweep)
    config = overlay(where, candidate, arms)
    planned = rates.plan(config).conditions
    seeds = where.specs[ratios[0]]["seeds"]
    dataset = generate(where.source, where.specs[ratios[0]]["seed"], seeds)
    rows, costs, trained = [where.runs], [where.arms], list[Trained]()
    for ratio in ratios:
        spec = trained_as(where, ratio, planned[where.specs[ratio]["condition"]], arms)
        own, facts = _condition(candidate, spec, arms, dataset, ratio)
        trained += facts
        rows.append(own)
        costs.append(_costs(spec, facts, seeds))
    drift = witness(where, dataset, ratios[0])
    tables = pd.concat(rows, ignore_index=True), pd.concat(costs, ignore_index=True)
    return compared(candidate, where, config, trained, tables, drift, started, root)


def compared(
    candidate: Candidate,
    where: Any,
    config: Spec,
    trained: list[Trained],
    tables: tuple[pd.DataFrame, pd.DataFrame],
    drift: float | None,
    started: float,
    root: Path = ROOT,
) -> Judged:
    """Returns the levels and comparisons of own and shipped arms of one place.

    where: a Place, or that of a language model; tables: rows of results.RUNS and of results.ARMS of all arms; started:
    when the work on this place began.
    """
    runs, every = tables
    declared = study_files.load(root)
    names = Study.model_validate(study_files.names(config, declared)[where.study])
    described = methods.table({where.study: names}, every)
    judging = settings.judging(config)
    summary = statistics.summarise(runs, [], judging["confidence"])
    pairs = _compared(where, runs, described, judging, config["seed"])
    bits = every.set_index(["condition", "arm"])["bits_deployed"]
    own = {one.arm for one in trained}
    described["method"] = described["family"]  # int8 and int4 are sizes of one method
    described.loc[described["arm"].isin(own), ["method", "family", "family_name"]] = candidate.name
    judged = Judged(
        candidate, where.on, trained, runs, summary, pairs, bits, {}, described, judging["confidence"], drift,
        (time.perf_counter() - started) / 60,
    )  # fmt: skip
    judged.equal_bits.update(at_equal_bits(judged))
    judged.shown.update(zip(described["method"], described["family_name"], strict=True))
    return judged


def trained_as(where: Place, ratio: int, planned: Mapping[str, Any], arms: Mapping[str, Spec]) -> Spec:
    """Returns a condition in which own arms are trained as well as the shipped ones, whose rates were searched.

    They try the rates with which the search begins, each seed keeps the best on validation data, and they take the
    steps of the shipped learned arm. Two-stage encoders start from the shipped table.
    """
    shipped = where.specs[ratio]
    search = where.config["search"]
    limits = Limits(*(search[name] for name in rates.LIMITS))
    tried = grid(sorted(planned["training"]["learning_rates"])[0], limits)
    steps = shipped["arms"][where.witness].get("steps", planned["training"]["steps"])
    own = {arm: {**planned["arms"][arm], "learning_rates": tried, "steps": steps} for arm in arms}
    table = {"full": shipped["full"]} if "full" in shipped else {}
    return {**planned, **table, "arms": {**planned["arms"], **own}}


def _condition(
    candidate: Candidate, spec: Spec, arms: Mapping[str, Spec], dataset: Dataset, ratio: int
) -> tuple[pd.DataFrame, list[Trained]]:
    """Trains the own arms of a condition: rows of results.RUNS, and what each cost."""
    job = condition.begin(spec, dataset)
    rows: list[results.Measurement] = []
    facts: list[Trained] = []
    for arm in arms:
        print(f"{arm} at {ratio}:1: trains {spec['seeds']} seeds", file=sys.stderr, flush=True)
        with candidate.told(f"{arm} at {ratio}:1"), redirect_stderr(io.StringIO()):  # a line for each look
            done = condition.train_arm(job, arm)
        lost = [row.step for row in done.rows if row.metric == LOSS and (row.value is None or row.value != row.value)]
        if lost:
            first = min(step or 0 for step in lost)
            found = f"found a loss that is NaN at step {first}, expected finite losses"
            raise InputError(f"{candidate.where}: {arm} at {ratio}:1: {found}")
        encoder, head, fit = job.fits[condition.key_of(spec["arms"][arm])]
        options = {name: value for name, value in arms[arm].items() if name != "encoder"}
        of_head = 32 * heads.parameter_count(head)
        seeds = [{n: v[k : k + 1] for n, v in fit.parameters.items() if n not in head.shapes()} for k in job.replicates]
        sizes = Sizes(spec["vocab_size"], spec["width"], spec["full_width"])
        declared = checks.checked_bits(candidate, sizes, options, encoder, _stacked(seeds), len(seeds))
        packed, small = entropy_coded(encoder, seeds)
        facts.append(
            Trained(arm, spec["condition"], ratio, options, declared + of_head, declared, packed, small, done.seconds)
        )
        rows += done.rows
    frame = pd.DataFrame(rows, columns=results.Measurement._fields)
    return frame.assign(study=spec["study"], condition=spec["condition"]), facts


def _stacked(seeds: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    import torch

    return {name: torch.cat([one[name] for one in seeds]) for name in seeds[0]}


def _costs(spec: Spec, facts: Sequence[Trained], seeds: int) -> pd.DataFrame:
    """Returns rows of results.ARMS, as far as comparisons need them."""
    known = {"study": spec["study"], "condition": spec["condition"], "seeds": seeds, **machine("cpu")}
    rows = [{**known, "arm": one.arm, "bits_deployed": one.bits, "wall_seconds": one.seconds} for one in facts]
    return pd.DataFrame(rows).reindex(columns=results.ARMS.names)


def _compared(
    where: Any, runs: pd.DataFrame, described: pd.DataFrame, judging: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Returns the comparisons of a run with the overlay that start from own arms."""
    conditions = columns.conditions(results.table(where.conditions, columns.CONDITIONS))
    typed = described.astype({"ratio": "Int64"})
    by_arm = columns.methods(results.table(typed, columns.METHODS))
    return statistics.compare_arms(runs, conditions, by_arm, judging, seed)


def witness(where: Place, dataset: Dataset, ratio: int) -> float:
    """Returns the largest difference (nats) of a shipped arm's test losses when it is trained again on this machine."""
    spec = where.specs[ratio]
    with redirect_stderr(io.StringIO()):
        again = condition.train_arm(condition.begin(spec, dataset), where.witness)
    rows = where.runs[(where.runs["condition"] == spec["condition"]) & (where.runs["arm"] == where.witness)]
    kept = rows[rows["step"].isna() & (rows["metric"] == LOSS) & (rows["split"] == "test")].set_index("seed")["value"]
    final = [row for row in again.rows if row.step is None and (row.metric, row.split) == (LOSS, "test")]
    found = {row.seed: row.value for row in final}
    return float((kept - pd.Series(found)).abs().max())


def at_equal_bits(judged: Judged) -> dict[str, EqualBits]:
    """Returns method -> the own encoder minus this method at the bits of own arms that the method covers.

    The sizes of all ratios are one curve. Own losses are measured at each of these sizes; those of a method lie on
    straight lines between its sizes. Between own sizes nothing is compared: far apart, such a line is far from a curve.
    """
    runs = judged.runs
    final = runs[runs["step"].isna() & (runs["metric"] == LOSS) & (runs["split"] == "test")]
    ratio = {name: place for place, name in enumerate(final["condition"].unique())}
    named = final.assign(arm=final["arm"] + AT + final["condition"].map(ratio).astype(str))
    frame = judged.bits.reset_index()
    names = frame["arm"] + AT + frame["condition"].map(ratio).astype(str)
    bits = pd.Series(frame["bits_deployed"].to_numpy(dtype=float), index=names)
    of_arm = dict(zip(judged.methods["arm"], judged.methods["method"], strict=True))
    families = {name: of_arm[name.partition(AT)[0]] for name in names}
    every = curves(named[named["arm"].isin(bits.index)], bits, families)
    own = every.pop(judged.candidate.name)
    return {name: _at_own_bits(own, other, judged.confidence) for name, other in every.items()}


def _at_own_bits(own: Curve, other: Curve, confidence: float) -> EqualBits:
    inside = (own.log2_bits >= other.log2_bits[0]) & (own.log2_bits <= other.log2_bits[-1])
    sizes = own.log2_bits[inside]
    if not sizes.size:
        return EqualBits("no overlap", len(set(own.seeds) & set(other.seeds)), *[sizes] * 4)
    measured = Curve(sizes, own.loss[:, inside], own.seeds)
    return compare_at_equal_bits(measured, Curve(sizes, other.at(sizes, other.seeds), other.seeds), confidence)


def levels(judged: Judged) -> pd.DataFrame:
    """Returns a row for every arm of every condition: its level, bits, method and whether none is better in both.

    An arm that is the same at every ratio stands once.
    """
    loss = judged.summary[judged.summary["metric"] == LOSS]
    rows = loss.merge(judged.bits.rename("bits").reset_index(), on=["condition", "arm"])
    rows = rows.merge(judged.methods[["arm", "method", "role", "name"]], on="arm")
    rows = rows.drop_duplicates(["arm", "bits", "mean"]).reset_index(drop=True)
    return rows.assign(on_front=front(rows["bits"], rows["mean"]))
