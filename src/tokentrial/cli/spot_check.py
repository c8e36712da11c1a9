"""``tokentrial spot-check``: is the shipped run real? Some of its jobs, computed again."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tokentrial.checkout import ROOT
from tokentrial.cli import common
from tokentrial.cli.common import Json, Run
from tokentrial.errors import InputError

ELSEWHERE = 3
"""Exit code if rows differ and the shipped run is from another processor."""
CODES = (
    "Exit codes: 0 all drawn jobs are equal to the last bit, 1 rows differ, 2 input that cannot be used, 3 rows differ "
    "and the shipped run is from another model of processor."
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
    from tokentrial import provenance
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
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        spot_check.compute(plan, place.resolve(), number)
        outcomes = check.outcomes(plan, place)
    here = provenance.device_name("cpu")
    said = spot_check.statement(plan, outcomes, check.device, here)
    if json:
        common.emit_json({"seed": seed, **asdict(plan), "outcomes": [asdict(each) for each in outcomes], "said": said})
    else:
        common.emit("\n".join(said) + "\n")
    if any(not each.equal for each in outcomes):
        raise typer.Exit(common.DIFFERENT if check.same_processor else ELSEWHERE)
