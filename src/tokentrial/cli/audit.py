"""``tokentrial audit``: a paper's printed numbers, judged by the checks alone."""

from pathlib import Path
from typing import Annotated

import typer

from tokentrial.checkout import ROOT
from tokentrial.cli import common, exporting
from tokentrial.cli.common import Json, Output
from tokentrial.cli.exporting import Format
from tokentrial.errors import InputError

EXAMPLE = ROOT / "examples/paper.yaml"

Paper = Annotated[Path | None, typer.Argument(help="A .yaml or .md file of claims, or a document's folder.")]
Checks = Annotated[bool, typer.Option("--checks", help="List all checks: question, inputs, source.")]
Example = Annotated[bool, typer.Option("--example", help="Print an example of a file to start from.")]
Draft = Annotated[bool, typer.Option("--draft", help="Propose entries for the numbers of a .md or .txt text.")]
Html = Annotated[bool, typer.Option("--html", help="One HTML page that needs no other file.")]
Md = Annotated[bool, typer.Option("--md", help="Markdown.")]
Export = Annotated[Format | None, typer.Option(help=f"Verdicts for other programs: {exporting.HELP}")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 if a claim is INCONSISTENT.")]


def audit(
    paper: Paper = None,
    checks: Checks = False,
    example: Example = False,
    draft: Draft = False,
    html: Html = False,
    md: Md = False,
    json: Json = False,
    export: Export = None,
    output: Output = None,
    strict: Strict = False,
) -> None:
    """Audit a paper's printed numbers: seconds, no training, no run."""
    if example:
        common.emit(EXAMPLE.read_text(encoding="utf-8"), output)
    elif checks:
        _list(json, output)
    elif paper is None:
        raise InputError("audit: found no file, expected one, or --checks or --example")
    elif draft:
        from tokentrial.claims import draft as drafts

        common.emit(drafts.to_yaml(*drafts.read(paper)), output)
    else:
        formats = {name: value for name, value in (("html", html), ("md", md), ("json", json)) if value}
        if len(formats) + (export is not None) > 1:
            raise InputError("audit: found several of --html, --md, --json and --export, expected at most one")
        if output is not None and not formats and export is None:
            raise InputError(
                f"audit: found --output {output}, expected one of --html, --md, --json and --export beside it"
            )
        _judged(paper, next(iter(formats), None), export, output, strict)


def _judged(paper: Path, format: str | None, export: Format | None, output: Path | None, strict: bool) -> None:
    """Judges a paper and prints or writes its verdicts."""
    from tokentrial.claims.audit import audit as judged
    from tokentrial.claims.verdict import INCONSISTENT
    from tokentrial.publish.works import Work
    from tokentrial.report import audit_page

    audited = judged(paper)
    if export is not None:
        names = sorted(set(audited.verdicts["document"]))
        works = {name: Work(name, audited.title if len(names) == 1 else name) for name in names}
        exporting.export(audited.verdicts, works, export, output)
    elif format is not None:
        write = {"html": audit_page.html, "md": audit_page.markdown, "json": audit_page.as_json}[format]
        common.emit(write(audited), output)
    else:
        shown = common.table("claim", "place", "what it says", "verdict", "reason", title=audited.title)
        for row in audit_page.entries(audited):
            word = common.verdict(row["verdict"], row["mark"])
            shown.add_row(row["id"], row["section"], row["paraphrase"], word, row["reason"])
        common.console().print(shown)
        common.emit(f"\n{audit_page.summary(audited)}\n")
    if strict and (audited.verdicts["verdict"] == INCONSISTENT).any():
        raise typer.Exit(common.DIFFERENT)


def _list(json: bool, output: Path | None) -> None:
    from tokentrial.claims.checks import CHECKS
    from tokentrial.claims.listing import inputs

    rows = [
        {"check": name, "question": CHECKS.questions[name], "inputs": inputs(CHECKS[name])}
        | {"source": CHECKS.sources[name]}
        for name in sorted(CHECKS)
    ]
    if json:
        common.emit_json(rows, output)
        return
    for row in rows:
        lines = (row["check"], f"  {row['question']}", f"  inputs: {row['inputs']}", f"  source: {row['source']}")
        common.emit("\n".join(lines) + "\n")
    common.emit(f"\n{len(rows)} checks; inputs in brackets have a default\n")
