"""``tokentrial compress``: what encoding the token table of a model costs, and the models with the encoded table."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokentrial.cli import common
from tokentrial.cli.common import Json
from tokentrial.errors import InputError

if TYPE_CHECKING:
    from tokentrial.trial.compressed import Compressed

CODES = "Exit codes: 0 measured, 2 input that cannot be used (one line on stderr), 130 stopped by Ctrl-C."
NONE = "none"
FEWEST_TOKENS, FEWEST_DOCUMENTS = 8, 2

Model = Annotated[str, typer.Argument(help="A Hugging Face folder, a GGUF file of a Llama-like model, or smollm2.")]
Methods = Annotated[str, typer.Option(help="svd,pq,...: each with every size; or with its bits a number: int4,pq_2.")]
Sizes = Annotated[str, typer.Option(help="How many times fewer bits than float16: 2,4,8.")]
Text = Annotated[Path, typer.Option(help="A text file, or a folder of text files, one document each.")]
Out = Annotated[Path, typer.Option(help="The folder to make: table, figure, page, models.")]
Documents = Annotated[int, typer.Option(help="Most documents on which encodings are measured.")]
Tokens = Annotated[int, typer.Option(help="Predicted tokens at the beginning of each document.")]
InputOnly = Annotated[bool, typer.Option("--input-only", help="Leave an output layer that is the same table as it is.")]
Save = Annotated[str | None, typer.Option(help="The models to write, such as svd-8,int4, or none; by default all.")]


def compress(
    model: Model,
    methods: Methods,
    text: Text,
    out: Out,
    sizes: Sizes = "2,4,8",
    documents: Documents = 32,
    tokens: Tokens = 32,
    input_only: InputOnly = False,
    save: Save = None,
    json: Json = False,
) -> None:
    """Encode a model's token table in many ways and measure what each costs on a text of yours.

    Nothing is trained but what an encoding itself needs. A model whose output layer is its token table is measured with
    the encoded table in both places, and at the input alone; its models are written with both.

    Methods: svd, svd_counted, autoencoder, autoencoder_deep, autoencoder_direction, tensor_train, int, clipped,
    grouped, pq, pq_counted, additive, residual, bands, bit_bands.
    """
    with common.stoppable():
        common.need("compress", "torch", "torch", "safetensors", "matplotlib", "transformers", "tokenizers")
        for option, number, least in (("documents", documents, FEWEST_DOCUMENTS), ("tokens", tokens, FEWEST_TOKENS)):
            if number < least:
                raise InputError(f"--{option}: found {number}, expected at least {least}")
        from tokentrial.trial.compressed import Request
        from tokentrial.trial.compressed import compress as measured

        names = [part.strip() for part in methods.split(",")]
        saved = None if save is None else [] if save == NONE else [part.strip() for part in save.split(",")]
        ratios = common.whole_numbers("--sizes", sizes, 2)
        request = Request(model, names, ratios, text, documents, tokens, input_only, saved)
        with common.whole_folder(out) as folder:
            working = folder / ".working"
            working.mkdir()
            result = measured(request, working, folder / "models")
            shutil.rmtree(working)
            _write(result, folder)
    common.told(f"wrote {out}")
    _show(result, json)


def _write(result: "Compressed", folder: Path) -> None:
    """Writes table, figure and page."""
    from tokentrial.report import compress_page
    from tokentrial.report.figures import style

    result.rows.to_csv(folder / "compress.csv", index=False, lineterminator="\n")
    style.save(compress_page.figure(result), [folder / f"compress.{kind}" for kind in ("svg", "pdf")])
    (folder / "compress.html").write_text(compress_page.html(result), encoding="utf-8")


def _show(result: "Compressed", json: bool) -> None:
    from tokentrial.report import compress_page

    if json:
        common.emit_json(compress_page.content(result))
        return
    console = common.console()
    for use in result.uses:
        title = f"{result.model}, encoded: {compress_page.USES[use]}"
        shown = common.table(
            "encoding",
            "bits/token",
            "bytes",
            "zstd",
            "entropy",
            "nats above the full table",
            "bits/byte",
            "same",
            title=title,
        )
        for row in result.rows[result.rows["use"] == use].to_dict("records"):
            shown.add_row(*_cells(row))
        console.print(shown)
        common.emit("\n")
    for one in result.written:
        apart = f"{one.read:.6f} nats a token, measured {one.measured:.6f}"
        common.emit(f"models/{one.arm}: {one.bytes:,} bytes, read again by transformers: {apart}\n")
    common.emit(
        "\n".join([*([""] if result.written else []), compress_page.sentence(result), *compress_page.notes(result)])
    )
    common.emit("\n")


def _cells(row: Any) -> list[str]:
    from tokentrial.report.compress_page import over, shown

    sizes = (f"{row[name]:,.0f}" for name in ("bytes", "bytes_zstd", "bytes_entropy"))
    above = over(row) or f"{shown(row['loss'])} nats a token"
    return [
        row["arm"],
        f"{row['bits_a_token']:,.1f}",
        *sizes,
        above,
        shown(row["bits_per_byte"]),
        shown(row["agreement"]),
    ]
