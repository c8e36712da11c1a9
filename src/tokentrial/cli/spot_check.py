"""``tokentrial spot-check``: is the shipped run real? Some of its jobs, computed again."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tokentrial.checkout import ROOT
from tokentrial.cli import common
from tokentrial.cli.common import Json, Run
from tokentrial.errors import InputError

ELSEWHERE, OTHERWISE = 3, 4
"""Exit codes if rows differ and the shipped run is from another processor: with the same verdicts, and with others."""
CODES = (
    "Exit codes: 0 all drawn jobs are equal to the last bit, 1 rows differ, 2 input that cannot be used, 3 rows differ "
    "as on another model of processor and the verdicts are the same with them, 4 the same but verdicts differ, 130 "
    "stopped by Ctrl-C."
)

Minutes = Annotated[float, typer.Option(help="Budget of time. The number of draws follows from it.")]
Seed = Annotated[int, typer.Option(help="Seed of the draws: the same seed draws the same jobs.")]
Cores = Annotated[int | None, typer.Option(help="Cores; by default all that this process may use.")]
DryRun = Annotated[bool, typer.Option("--plan", help="Say which jobs would be computed, and compute none.")]
Folder = Annotated[Path | None, typer.Option(help="Keep what is computed here; a stopped check goes on from it.")]


def spot_check(
    minutes: Minutes = 5.0,
    seed: Seed = 0,
    cores: Cores = None,
    only_plan: DryRun = False,
    folder: Folder = None,
    run: Run = None,
    json: Json = False,
) -> None:
    """Compute random jobs of the shipped run again and compare them row by row."""
    if minutes <= 0 or seed < 0 or (cores is not None and cores < 1):
        raise InputError("spot-check: expected --minutes above 0, --seed of at least 0 and --cores of at least 1")
    from tokentrial.publish import machine, spot_check

    number = cores or machine.available_cores()
    check = spot_check.Check.read(run or ROOT / "results/reference")
    plan = check.plan(minutes, seed, number)
    about = f"about {plan.seconds / number / 60:.1f} minutes on {number} core{'s' * (number > 1)}"
    typer.echo(f"{len(plan.draws)} draws of {len(plan.jobs)} jobs, {about}", err=True)
    if only_plan:
        if json:
            common.emit_json(asdict(plan))
        else:
            common.emit("".join(f"{name}\n" for name in plan.jobs))
        return
    place = folder or Path(tempfile.mkdtemp(prefix="spot-check-"))
    try:
        spot_check.compute(plan, place.resolve(), number, shown=common.progress_of_jobs() or spot_check.QUIET)
        with common.working("Comparing"):
            answer = spot_check.answer(check, plan, place)
    except KeyboardInterrupt:
        common.told(f"stopped; --folder {place} goes on from the jobs that are finished")
        raise typer.Exit(common.STOPPED) from None
    if folder is None:
        shutil.rmtree(place)
    if json:
        common.emit_json({"seed": seed, **asdict(plan), **asdict(answer)})
    else:
        common.emit("\n".join(answer.said) + "\n")
    if answer.differ:
        elsewhere = OTHERWISE if answer.flips else ELSEWHERE
        raise typer.Exit(common.DIFFERENT if check.same_processor else elsewhere)
