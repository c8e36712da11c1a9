"""Snakemake's limit of job starts, taken off where nobody asked for it.

Snakemake 9.27 limits every run to 100 job starts a second, and no option turns that off. While the limit exists, each
pass of the scheduler starts a timer thread whose end starts the next pass, so each finished job leaves one more thread
that runs until no job is ready (see ``docs/upstream.md``). A limit that a user or a profile set is kept.
"""

DEFAULT = (100, 1)  # starts, seconds; about as many as Snakemake manages at best


def drop_default_limit(scheduler: object) -> bool:
    """Take Snakemake's default limit off its scheduler, before it starts a job; returns whether that was done.

    ``job_rate_limiter`` is no documented name: on a Snakemake without it, nothing changes.
    """
    limiter = getattr(scheduler, "job_rate_limiter", None)
    if (getattr(limiter, "max_jobs", None), getattr(limiter, "timespan", None)) != DEFAULT:
        return False
    scheduler.job_rate_limiter = None  # type: ignore[attr-defined]
    return True
