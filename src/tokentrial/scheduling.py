"""Removal of Snakemake's default limit of job starts.

Snakemake 9.27 limits every run to 100 job starts per second, and no option turns the limit off. While the limit exists,
each pass of the scheduler starts a timer thread whose end starts the next pass. So each finished job leaves one more
thread that runs until no job is ready (see ``docs/upstream.md``). A limit set by a user or a profile is kept.
"""

DEFAULT = (100, 1)  # starts, seconds; about as fast as Snakemake can be


def drop_default_limit(scheduler: object) -> bool:
    """Removes the default limit from Snakemake's scheduler, before a job starts; returns whether it was removed.

    ``job_rate_limiter`` is not a documented name: on a Snakemake without this attribute, nothing changes.
    """
    limiter = getattr(scheduler, "job_rate_limiter", None)
    if (getattr(limiter, "max_jobs", None), getattr(limiter, "timespan", None)) != DEFAULT:
        return False
    scheduler.job_rate_limiter = None  # type: ignore[attr-defined]
    return True
