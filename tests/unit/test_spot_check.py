"""Spot checks: what is drawn, what the bound says, and with which probability a planted change is found."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import Command, command, refused  # noqa: F401
from scipy import stats

from tokentrial import results
from tokentrial.claims import what_if
from tokentrial.data import corpora
from tokentrial.errors import InputError
from tokentrial.publish import spot_check
from tokentrial.publish.spot_check import Check, Job, bound, compared, draw

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "results/reference"
JOBS = [Job("a", 100, 10), Job("b", 300, 20), Job("c", 600, 40), Job("cramming/d", 1000, 30)]


@pytest.fixture(scope="module")
def check() -> Check:
    return Check.read(SHIPPED)


def test_every_row_of_the_shipped_run_belongs_to_one_job(check: Check) -> None:
    masks = np.array([mask.to_numpy() for _, mask in check.jobs.values()])
    counts = masks.sum(axis=0)
    assert counts.min() == counts.max() == 1
    assert sum(job.rows for job, _ in check.jobs.values()) == len(check.runs)


def test_the_same_seed_draws_the_same_jobs() -> None:
    first, again, other = (draw(JOBS, 3000, seed) for seed in (1, 1, 2))
    assert first == again and first.draws != other.draws


def test_draws_are_in_proportion_to_rows() -> None:
    draws = [name for seed in range(300) for name in draw(JOBS, 3000, seed).draws]
    observed = pd.Series(draws).value_counts()
    expected = {name: share * len(draws) for name, share in draw(JOBS, 3000, 0).shares.items()}
    assert stats.chisquare([observed[name] for name in expected], list(expected.values())).pvalue > 1e-4


def test_the_number_of_draws_follows_from_the_budget() -> None:
    mean = (100 * 10 + 300 * 20 + 600 * 40 + 1000 * 30) / 2000
    assert len(draw(JOBS, 10 * mean + 1, 0).draws) == 10
    assert len(draw(JOBS, 45, 0).draws) == 1
    assert len(draw(JOBS, 5 * mean + 1, 0, cores=2).draws) == 10  # and no job of more than 5 mean is drawn


def test_what_cannot_be_drawn_is_said() -> None:
    plan = draw(JOBS, 25, 0, with_text=False)
    assert {job.name for job in plan.population} == {"a", "b"}
    assert plan.left_out == {"its text is not here": 0.5, "takes longer than the budget": 0.3}
    with pytest.raises(InputError, match=r"--minutes: found 0\.083 minutes, expected at least 0\.17"):
        draw(JOBS, 5, 0)


@pytest.mark.parametrize(("different", "draws"), [(0, 1), (0, 20), (1, 20), (5, 20), (20, 20)])
def test_the_bound_is_exact(different: int, draws: int) -> None:
    """At the bound, as few or fewer differing draws have a probability of 5 %."""
    limit = bound(different, draws)
    if different == draws:
        assert limit == 1
    else:
        assert stats.binom.cdf(different, draws, limit) == pytest.approx(0.05)
    if different == 0:
        assert limit == pytest.approx(1 - 0.05 ** (1 / draws))


def test_a_planted_change_is_found_with_the_stated_probability(check: Check) -> None:
    """One row of the shipped run, changed: in 2,000 simulated checks the change is seen as often as is said."""
    jobs = [job for job, _ in check.jobs.values()]
    row = 12_345
    [planted] = [name for name, (_, mask) in check.jobs.items() if mask.iloc[row]]
    budget = 20 * float(np.average([job.seconds for job in jobs], weights=[job.rows for job in jobs]))
    plans = [draw(jobs, max(budget, check.jobs[planted][0].seconds), seed) for seed in range(2000)]
    stated = plans[0].chance_to_find(planted)
    assert 0.01 < stated < 0.99
    found = sum(planted in plan.draws for plan in plans)
    assert stats.binomtest(found, len(plans), stated).pvalue > 1e-4


def rows(values: list[float]) -> pd.DataFrame:
    fixed = {
        "study": "s",
        "condition": "a",
        "arm": "full",
        "split": "test",
        "step": None,
        "metric": "loss",
        "unit": "nats",
    }
    made = pd.DataFrame([{**fixed, "seed": seed, "value": value} for seed, value in enumerate(values)])
    return results.table(made.reindex(columns=results.RUNS.names), results.RUNS).to_pandas()


def test_rows_are_compared_to_the_last_bit() -> None:
    assert compared("a", rows([1.0, 2.0]), rows([1.0, 2.0])).equal
    last = compared("a", rows([1.0, math.nextafter(2.0, 3)]), rows([1.0, 2.0]))
    assert (last.differing, last.missing) == (1, 0) and last.largest == pytest.approx(2.2e-16, rel=0.1)
    short = compared("a", rows([1.0]), rows([1.0, 2.0]))
    assert (short.differing, short.missing, short.equal) == (0, 1, False)


def test_a_statement_says_what_was_compared() -> None:
    plan = draw(JOBS, 10_000, 3, with_text=False)
    good = [compared(name, rows([1.0, 2.0]), rows([1.0, 2.0])) for name in plan.jobs]
    said = spot_check.statement(plan, good, "one", "one")
    n = len(plan.draws)
    assert said[0] == f"{len(good)} of {len(good)} jobs are equal to the last bit ({2 * len(good)} rows)."
    assert f"at most {100 * (1 - 0.05 ** (1 / n)):.2g} % of the rows" in said[1] and f"(0 of {n} draws" in said[1]
    assert said[2] == "Not drawn: 50 % of the rows, whose job its text is not here."
    bad = [*good[1:], compared(good[0].job, rows([1.0, 3.0]), rows([1.0, 2.0]))]
    said = spot_check.statement(plan, bad, "one", "another")
    assert f"{good[0].job}: 1 of 2 rows differ, by at most 0.5 of the value." in said
    assert "another processor (one; here another)" in said[-1]


def recomputed(check: Check, name: str, folder: Path, shift: float) -> spot_check.Plan:
    """A folder with a job computed again, the losses of its learned arm higher by ``shift``; the plan that drew it."""
    job, mask = check.jobs[name]
    table = check.runs[mask].copy()
    table.loc[(table["arm"] == "learned") & (table["metric"] == "cross_entropy"), "value"] += shift
    results.write(folder / f"results/runs/{name}.parquet", results.table(table, results.RUNS))
    return spot_check.Plan((job,), (name,), {})


JOB = "learned_encoding/compression/done-right/v20-ratio-8"


def test_the_mixture_is_the_run_with_the_recomputed_rows(check: Check, tmp_path: Path) -> None:
    plan = recomputed(check, JOB, tmp_path, 1.0)
    mixed = check.mixture(plan, tmp_path)
    assert len(mixed) == len(check.runs)
    changed = mixed["value"].sum() - check.runs["value"].sum()
    mask = check.jobs[JOB][1] & (check.runs["arm"] == "learned") & (check.runs["metric"] == "cross_entropy")
    assert changed == pytest.approx(mask.sum(), abs=0.01) and mask.sum() > 10


@pytest.mark.slow
def test_verdicts_that_the_recomputed_rows_change_are_named(check: Check, tmp_path: Path) -> None:
    plan = recomputed(check, JOB, tmp_path, 1.0)
    answer = spot_check.answer(check, plan, tmp_path)
    assert answer.differ and answer.flips
    assert all(flip.before != flip.after for flip in answer.flips)
    assert f"  {answer.flips[0].id}: {answer.flips[0].before}, here {answer.flips[0].after}" in answer.said
    assert any(f" {len(answer.flips)} of " in line and "empirical verdicts differ:" in line for line in answer.said)


def test_equal_rows_need_no_verdicts(check: Check, tmp_path: Path) -> None:
    answer = spot_check.answer(check, recomputed(check, JOB, tmp_path, 0.0), tmp_path)
    assert not answer.differ and answer.flips == []
    assert spot_check.on_verdicts(60, []) == [
        "With the recomputed rows in place of the shipped ones all 60 empirical verdicts are the same."
    ]


def test_a_copy_of_some_tables_has_no_verdicts(check: Check, tmp_path: Path) -> None:
    plan = recomputed(check, JOB, tmp_path, 1.0)
    for name in ("runs", "arms"):
        shutil.copy(SHIPPED / f"{name}.parquet", tmp_path)
    answer = spot_check.answer(Check.read(tmp_path), plan, tmp_path)
    assert answer.differ and answer.said[-1].startswith("Verdicts were not looked at: ")


@pytest.mark.parametrize(
    ("same", "flips", "differ", "code"),
    [
        (True, [], False, 0),
        (True, [], True, 1),
        (False, [], True, 3),
        (False, [what_if.Flip("A", "x", "y", "")], True, 4),
    ],
)
def test_exit_codes(
    same: bool,
    flips: list[what_if.Flip],
    differ: bool,
    code: int,
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer decides; what it is made of is tested above, so that nothing is computed here."""
    outcome = compared("a", rows([1.0]), rows([2.0 if differ else 1.0]))
    monkeypatch.setattr(spot_check, "compute", lambda *_, **__: None)
    monkeypatch.setattr(spot_check, "answer", lambda *_: spot_check.Answer([outcome], flips, ["said"]))
    monkeypatch.setattr(Check, "same_processor", same)
    said = command("spot-check", "--minutes", "1", "--cores", "1")
    assert (said.out, said.code) == ("said\n", code)


def test_the_plan_alone_computes_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.delenv(corpora.VARIABLE, raising=False)
    said = command("spot-check", "--minutes", "1", "--seed", "7", "--cores", "1", "--plan", "--json")
    plan = json.loads(said.out)
    assert said.code == 0 and plan["draws"] and "its text is not here" in plan["left_out"]
    assert not any(name.startswith(("cramming", "language_models")) for name in plan["draws"])
    assert command("spot-check", "--minutes", "1", "--seed", "7", "--cores", "1", "--plan").out.split() == list(
        dict.fromkeys(plan["draws"])
    )


def test_bad_options_are_one_line(command: Command, tmp_path: Path) -> None:  # noqa: F811
    assert refused(command("spot-check", "--minutes", "0")).startswith("spot-check: expected --minutes above 0")
    line = refused(command("spot-check", "--run", str(tmp_path)))
    assert line == f"{tmp_path / 'runs.parquet'}: not found"


def test_a_real_job_is_equal_and_a_changed_row_is_found(check: Check, command: Command, tmp_path: Path) -> None:  # noqa: F811
    """The smallest jobs of a run whose rows are those of the shipped run, computed on this machine."""
    cheap = sorted((job for job, _ in check.jobs.values()), key=lambda job: job.seconds)[:2]
    plan = spot_check.Plan(tuple(cheap), tuple(job.name for job in cheap), {})
    spot_check.compute(plan, tmp_path / "again", 1)
    outcomes = check.outcomes(plan, tmp_path / "again")
    assert all(each.rows == job.rows and each.missing == 0 for each, job in zip(outcomes, cheap, strict=True))
    if check.same_processor:
        assert all(each.equal for each in outcomes)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("runs", "arms"):
        shutil.copy(SHIPPED / f"{name}.parquet", copy)
    table = results.read(copy / "runs.parquet", results.RUNS).to_pandas()
    place = np.flatnonzero(check.jobs[cheap[0].name][1] & table["value"].notna())[3]
    table.loc[place, "value"] += 0.001
    results.write(copy / "runs.parquet", results.table(table, results.RUNS))
    planted = Check.read(copy).outcomes(plan, tmp_path / "again")
    assert [each.differing - one.differing for each, one in zip(planted, outcomes, strict=True)] == [1, 0]
