"""``tokentrial what-if``: which verdicts flip under other margins, settings, claims or rules."""

from dataclasses import asdict
from typing import Annotated

import typer

from tokentrial.cli import common
from tokentrial.cli.common import Json, Run
from tokentrial.errors import InputError

Settings = Annotated[
    list[str] | None, typer.Option("--set", help="A setting of the statistics, as statistics.equivalence_margin=.2.")
]
Claims = Annotated[
    list[str] | None,
    typer.Option("--claim", help="A claim's margin, parameter or number, as LE0-RQ.margin=.001."),
]
Margins = Annotated[bool, typer.Option("--margins", help="The margins at which every claim flips.")]


def what_if(
    settings: Settings = None, claims: Claims = None, margins: Margins = False, run: Run = None, json: Json = False
) -> None:
    """Dispute verdicts: what flips, and at which margin. Nothing is trained or written."""
    if not (settings or claims or margins):
        raise InputError("what-if: found no change, expected --set, --claim or --margins")
    from tokentrial.claims.what_if import Dispute, words

    with common.working("Judging the run again"):
        dispute = Dispute(common.run_folder(run))
        flips = dispute.flips(settings or [], claims or [])
    named = [change.split(".")[0] for change in claims or []]
    only = list(dispute.claims if margins else dict.fromkeys([flip.id for flip in flips] + named))
    each_claim = common.watched([dispute.claims[name] for name in only], "Looking for margins")
    limits = [limit for claim in each_claim if (limit := dispute.limit(claim)) is not None]
    if json:
        common.emit_json({"flips": [asdict(flip) for flip in flips], "limits": [asdict(each) for each in limits]})
        return
    console = common.console()
    if flips:
        shown = common.table("claim", "was", "becomes", "reason")
        for flip in flips:
            shown.add_row(flip.id, common.verdict(flip.before), common.verdict(flip.after), flip.reason)
        console.print(shown)
    if settings or claims:
        count = len(flips)
        common.emit(f"{count} verdict{'s' * (count != 1)} would be another one\n")
    if limits:
        shown = common.table("claim", "verdict", "margin", "flips")
        for each in limits:
            margin = f"{each.margin:g} ({each.of.removeprefix('statistics.').replace('_', ' ')})"
            shown.add_row(each.id, common.verdict(each.verdict), margin, "; ".join(words(each)) or "at no margin")
        console.print(shown)
