"""``tokentrial try``: an encoder of one's own, judged at equal bits beside the shipped methods."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokentrial.cli import common
from tokentrial.cli.common import Json
from tokentrial.errors import InputError

if TYPE_CHECKING:
    from tokentrial.trial.candidates import Candidate
    from tokentrial.trial.places import Place

CODES = "Exit codes: 0 judged, or all checks are right, 1 with --check if one is not, 2 input that cannot be used."
COUNTS = ("bits", "table_bits", "bytes", "bytes_zstd")
MARKS = {"ok": "ok", "wrong": "✖"}

Encoder = Annotated[str, typer.Argument(help="my.py, my.py:Class or package.module:Class.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Options: rank=2,4,8 tries each value; repeatable.")]
Check = Annotated[bool, typer.Option("--check", help="Only look at shapes, gradients, seeds, options and bits.")]
Ratios = Annotated[
    str | None,
    typer.Option("--ratios", help="Widths D/2, D/8: 2,8; by default all, or one if bits do not depend on the width."),
]
On = Annotated[
    str | None,
    typer.Option("--on", help="One condition alone: compression/v100, transformer/bpe; by default these two."),
]
Full = Annotated[bool, typer.Option("--full", help="Then all other fair conditions of the shipped run.")]
Page = Annotated[Path | None, typer.Option("--output", "-o", help="The HTML page; by default try-<class>.html here.")]


def try_encoder(
    encoder: Encoder,
    options: Set = None,
    check: Check = False,
    ratios: Ratios = None,
    on: On = None,
    full: Full = False,
    json: Json = False,
    output: Page = None,
) -> None:
    """Train an encoder of your own and compare it with every shipped method at the same bits.

    Any torch.nn.Module from ids to vectors, or a subclass of tokentrial.encoders.base.Encoder. Only this encoder is
    trained, with the seeds, data and batches of the shipped rows: on a synthetic chain with a known floor, then in a
    language model on BPE tokens of WikiText-2, if that text can be had.
    """
    with common.stoppable():
        if on is not None and full:
            raise InputError("--full: found --on beside it, expected one of the two")
        _try(encoder, options or [], check, ratios, on, full, json, output)


def _try(
    encoder: str,
    options: Sequence[str],
    check: bool,
    ratios: str | None,
    on: str | None,
    full: bool,
    json: bool,
    output: Path | None,
) -> None:
    common.need("try", "torch", "torch", "safetensors", "matplotlib")
    from tokentrial.trial import candidates, checks, places, protocol

    sweep = candidates.sweep(options)
    wanted = common.whole_numbers("--ratios", ratios) if ratios else []
    candidate = candidates.load(encoder)
    first = places.place(places.ON if on is None or protocol.is_text(on) else on)
    if check:
        _check(candidate, first, sweep, json)
        return
    page = output or Path(f"try-{candidate.name}.html")
    common.writable(page)
    checks.require(candidate, first.sizes(first.middle), sweep)
    plan = protocol.plan(candidate, sweep, wanted, on, full)
    common.told(plan.said)
    results, left_out = plan.run()
    from tokentrial.report import trial_page

    common.emit(trial_page.html(results, left_out), page)
    contents = [trial_page.content(one) for one in results]
    if json:
        common.emit_json({**contents[0], "others": contents[1:], "left_out": left_out})
        return
    for content in contents:
        if len(contents) > 1:
            common.emit(f"{content['on']}\n")
        _tables(content)
        common.emit("\n" if content is not contents[-1] else "")
    for line in left_out:
        common.emit(f"left out: {line}\n")


def _check(candidate: "Candidate", where: "Place", sweep: Sequence[dict[str, Any]], json: bool) -> None:
    from tokentrial.trial import checks

    found = [
        {"options": called, "check": one.check, "result": one.result, "said": one.said}
        for called, one in checks.findings(candidate, where.sizes(where.middle), sweep)
    ]
    if json:
        common.emit_json(found)
    else:
        table = common.table("check", "", "found", title=candidate.where)
        for one in found:
            table.add_row(one["check"], MARKS[one["result"]], one["said"])
        common.console().print(table)
    if any(one["result"] == checks.WRONG for one in found):
        raise typer.Exit(common.DIFFERENT)


def _tables(content: dict[str, Any]) -> None:
    from tokentrial.report.trial_page import interval

    arms = common.table("arm", "ratio", "bits", "encoder's", "bytes", "zstd", "test loss", "flag", "front")
    for row in content["arms"]:
        counts = ("–" if row[name] is None else f"{row[name]:,}" for name in COUNTS)
        front = "on" if row["on_front"] else ""
        arms.add_row(row["arm"], f"{row['ratio']}:1", *counts, f"{row['loss']:.4f}", row["flag"], front)
    methods = common.table("method", "at equal bits", "bits", "difference in nats (interval)")
    for row in content["comparisons"]:
        bits = "\n".join(f"{size['bits']:,}" for size in row["sizes"])
        said = "\n".join(interval(size) for size in row["sizes"])
        if row["nearest"]:
            near = row["nearest"]
            bits, said = f"{near['bits']:,.0f} beside {near['other_bits']:,.0f}", interval(near)
        methods.add_row(row["name"], row["verdict"], bits, said)
    console = common.console()
    console.print(arms)
    common.emit("\n")
    console.print(methods)
    common.emit(f"\n{content['verdict']}\n{content['note']}\n")
