"""``tokentrial cram``: how many tokens one input vector of a model holds, beside the models of document 004."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokentrial.cli import common
from tokentrial.cli.common import Json
from tokentrial.errors import InputError

if TYPE_CHECKING:
    from tokentrial.trial.crammed import Result

CODES = (
    "Exit codes: 0 measured, 1 the saved vectors decode to other texts than measured, 2 input that cannot be used "
    "(one line on stderr), 130 stopped by Ctrl-C."
)
TEXTS, STEPS = (2, 10_000), (1, 100_000)

Model = Annotated[str, typer.Argument(help="A Hugging Face folder, a GGUF file of a Llama-like model, or smollm2.")]
Text = Annotated[Path, typer.Option(help="A text file, or a folder of text files.")]
Lengths = Annotated[str, typer.Option(help="Tokens of the texts; between them, each text's capacity is searched.")]
Texts = Annotated[int, typer.Option(help="Most texts of a length; fewer if the file has fewer.")]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps; by default those of the study's tuned settings.")]
Out = Annotated[Path | None, typer.Option(help="The folder to make: table, figures, page; by default cram-<model>.")]
Save = Annotated[Path | None, typer.Option(help="Write the trained vectors to this safetensors file.")]


def cram(
    model: Model,
    text: Text,
    lengths: Lengths = "4,8,16",
    texts: Texts = 16,
    steps: Steps = None,
    out: Out = None,
    save: Save = None,
    json: Json = False,
) -> None:
    """Cram texts of yours into one input vector of a frozen model, and find the longest that it gives back.

    As in document 004, but with the study's tuned optimiser and a search for the capacity of each text, to one token.
    """
    with common.stoppable():
        common.need("cram", "torch", "torch", "safetensors", "matplotlib", "transformers", "tokenizers")
        for option, number, (least, most) in (("texts", texts, TEXTS), ("steps", steps, STEPS)):
            if number is not None and not least <= number <= most:
                raise InputError(f"--{option}: found {number}, expected {least} to {most:,}")
        asked = common.whole_numbers("--lengths", lengths, 2)
        if save is not None:
            common.writable(save)
        from tokentrial.cramming import sources
        from tokentrial.trial import crammed

        target = out or Path(f"cram-{sources.title_of(model)}")
        with common.whole_folder(target) as folder:
            working = folder / ".working"
            working.mkdir()
            result = crammed.cram(crammed.Request(model, text, asked, texts, steps), working)
            measured, whole = crammed.read_back(result, working)
            _write(result, folder, said(measured, whole))
            if save is not None:
                _save(working / crammed.VECTORS_FILE, save)
            shutil.rmtree(working)
    common.told(f"wrote {target}")
    _show(result, said(measured, whole), json)
    if measured != whole:
        raise typer.Exit(common.DIFFERENT)


def said(measured: int, whole: int) -> str:
    """Returns what decoding the vectors of the file gave."""
    return (
        f"vectors: texts that transformers' own forward pass decodes whole from the file: {whole}, measured: {measured}"
    )


def _write(result: "Result", folder: Path, vectors: str) -> None:
    from tokentrial.report import cram_page
    from tokentrial.report.figures import style
    from tokentrial.report.formats import to_csv

    (folder / "cram.csv").write_text(to_csv(cram_page.table(result)), encoding="utf-8")
    measures = result.view.measures
    assert measures is not None
    measures.to_csv(folder / "measures.csv", index=False, lineterminator="\n")
    for name, figure in cram_page.figures(result).items():
        style.save(figure, [folder / f"{name}.{kind}" for kind in ("svg", "pdf")])
    (folder / "cram.html").write_text(cram_page.html(result, vectors), encoding="utf-8")


def _save(vectors: Path, target: Path) -> None:
    from tokentrial.results import whole_file

    with whole_file(target) as file, vectors.open("rb") as source:
        shutil.copyfileobj(source, file)
    common.told(f"wrote {target}")


def _show(result: "Result", vectors: str, json: bool) -> None:
    from tokentrial.report import cram_page

    if json:
        common.emit_json({**cram_page.content(result), "vectors": vectors})
        return
    console = common.console()
    for section in cram_page.table(result).sections[:2]:
        shown = common.table(*(name.replace("\n", " ").lower() for name in cram_page.SHOWN), title=section.heading)
        for *row, used in section.shown[list(cram_page.SHOWN)].to_numpy().tolist():
            shown.add_row(*(cell.replace("\n", " ") for cell in row), used.partition("\n")[0])
        console.print(shown)
        common.emit("\n")
    common.emit(f"{cram_page.sentence(result)}\n{vectors}\n")
