"""The default limit of job starts is taken off Snakemake's scheduler, a limit of the user's is not."""

from types import SimpleNamespace

import pytest

from tokentrial.scheduling import drop_default_limit


def scheduler(max_jobs: int, timespan: float) -> SimpleNamespace:
    return SimpleNamespace(job_rate_limiter=SimpleNamespace(max_jobs=max_jobs, timespan=timespan))


def test_the_default_limit_goes() -> None:
    limited = scheduler(100, 1)
    assert drop_default_limit(limited)
    assert limited.job_rate_limiter is None


@pytest.mark.parametrize(("max_jobs", "timespan"), [(100, 60.0), (5, 1), (1000, 1)])
def test_a_limit_that_somebody_set_stays(max_jobs: int, timespan: float) -> None:
    limited = scheduler(max_jobs, timespan)
    limiter = limited.job_rate_limiter
    assert not drop_default_limit(limited)
    assert limited.job_rate_limiter is limiter


@pytest.mark.parametrize(
    "other",
    [None, SimpleNamespace(), SimpleNamespace(job_rate_limiter=None), SimpleNamespace(job_rate_limiter=object())],
)
def test_a_snakemake_that_calls_it_otherwise_runs_as_before(other: object) -> None:
    before = vars(other).copy() if other is not None else {}
    assert not drop_default_limit(other)
    assert before == ({} if other is None else vars(other))
