"""``tokentrial claims``: the claims of a run, the chain of evidence of one, and all of them for other programs."""

import json as to_json
from typing import Annotated

import typer

from tokentrial.cli import common, exporting
from tokentrial.cli.common import Json, Output, Run
from tokentrial.cli.exporting import Format

Document = Annotated[str | None, typer.Option(help="Only the claims of this document, such as 000.")]
Kind = Annotated[str | None, typer.Option(help="Only claims of this kind, such as empirical.")]
Verdict = Annotated[str | None, typer.Option(help="Only claims with this verdict, such as REFUTED.")]
Id = Annotated[str, typer.Argument(help="The id of a claim, such as LE0-RQ.")]


def listed(
    run: Run = None, document: Document = None, kind: Kind = None, verdict: Verdict = None, json: Json = False
) -> None:
    """List claims and their verdicts."""
    from tokentrial.claims import evidence

    folder = common.run_folder(run)
    rows = evidence.chosen(evidence.read(folder), document, kind, verdict)
    names = ["id", "document", "section", "kind", "paraphrase", "verdict"]
    if json:
        common.emit_json(rows[names].to_dict("records"))
        return
    shown = common.table("claim", "place", "kind", "what it says", "verdict")
    for row in rows.to_dict("records"):
        place = f"{row['document']} {row['section']}".strip()
        shown.add_row(row["id"], place, row["kind"], row["paraphrase"], common.verdict(row["verdict"]))
    common.console().print(shown)
    common.emit(f"\n{len(rows):,} claims and audit findings of {folder}\n")


def show(claim: Id, run: Run = None, json: Json = False) -> None:
    """Show a claim with its chain of evidence: entry, verdict, comparisons, jobs."""
    from tokentrial.claims import evidence

    chain = evidence.chain(common.run_folder(run), claim)
    if json:
        common.emit_json(chain)
        return
    entry = chain["entry"]
    where = " ".join(filter(None, (entry["document"], entry["section"])))
    lines = [
        f"{claim}  {chain['verdict']}",
        f"  says        {entry['paraphrase']} ({where})",
        *(f"  printed     {name} {value}" for name, value in entry["reported"].items()),
        *(f"  quotes      {place}: {words}" for place, words in (entry["quotes"] or {}).items()),
        f"  asked       {chain['question']}",
        f"  by          {entry['check']} {to_json.dumps(entry['parameters'], ensure_ascii=False)}",
        *([f"  rule        {entry['decision']} (fixed {entry['fixed']})"] if entry["decision"] else []),
        f"  reason      {chain['reason']}",
        f"  decided by  {chain['basis']}; shown in {chain['decided_by']}",
    ]
    for row in chain["comparisons"]:
        ends = [f"{row[name]:.4g}" for name in ("difference", "t_low", "t_high") if row[name] is not None]
        numbers = f"{ends[0]} [{', '.join(ends[1:])}], n = {row['n']}" if ends else f"n = {row['n']}"
        lines.append(f"  comparison  {row['arm_a']} - {row['arm_b']}, {row['metric']}: {numbers}, {row['condition']}")
    for job in chain["jobs"]:
        made = f"{job['seeds']} seeds, {job['wall_seconds']:.1f} s, commit {job['git_commit'][:12]}"
        lines.append(f"  job         {job['condition']} {job['arm']}: {job['measurements']} measurements, {made}")
    console = common.console()
    for line in lines:
        console.print(line, soft_wrap=True)


def export(
    format: Annotated[Format, typer.Option(help=exporting.HELP)], run: Run = None, output: Output = None
) -> None:
    """Export all claims and verdicts for other programs."""
    from tokentrial import documents
    from tokentrial.claims import evidence
    from tokentrial.publish import works

    rows = evidence.read(common.run_folder(run))
    exporting.export(rows, works.of_documents(documents.load(*documents.folders())), format, output)
