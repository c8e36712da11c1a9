"""The subcommands of ``tokentrial``, and how it ends: an error of the input is one line on stderr and exit code 2."""

import sys

import typer

from tokentrial.cli import (
    audit,
    claims,
    compare,
    compress,
    cram,
    doctor,
    init,
    run,
    spot_check,
    trace,
    try_encoder,
    what_if,
)
from tokentrial.cli.common import BAD_INPUT
from tokentrial.errors import InputError

CODES = "Exit codes: 0 answered, 2 input that cannot be used (one line on stderr)."


def _epilog(*examples: str, codes: str = CODES) -> str:
    """Returns the end of a command's help: examples, and what its exit code says."""
    return "\n\n".join([*(f"Example: {example}" for example in examples), codes])


app = typer.Typer(
    name="tokentrial",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Claims about compressed token encodings, put on trial.",
    epilog=_epilog("tokentrial audit examples/paper.yaml"),
)
of_claims = typer.Typer(no_args_is_help=True, help="The claims of a run and their verdicts.")
app.add_typer(of_claims, name="claims", epilog=_epilog("tokentrial claims show LE0-RQ"))

STRICT = "Exit codes: 0 audited, 1 with --strict if a claim is INCONSISTENT, 2 input that cannot be used."
app.command("audit", epilog=_epilog("tokentrial audit examples/paper.yaml --html -o audit.html", codes=STRICT))(
    audit.audit
)
app.command(
    "what-if",
    epilog=_epilog(
        "tokentrial what-if --set statistics.equivalence_margin=.2", "tokentrial what-if --claim LE0-RQ.margin=.001"
    ),
)(what_if.what_if)
app.command("compare", epilog=_epilog("tokentrial compare results results/reference --md", codes=compare.CODES))(
    compare.compare
)
app.command("spot-check", epilog=_epilog("tokentrial spot-check --minutes 5 --seed 7", codes=spot_check.CODES))(
    spot_check.spot_check
)
app.command("trace", epilog=_epilog("tokentrial trace results --sample 40", codes=trace.CODES))(trace.trace)
app.command("doctor", epilog=_epilog("tokentrial doctor"))(doctor.doctor)
app.command(
    "run",
    epilog=_epilog("tokentrial run --cores 8 all", codes="Exit codes: those of snakemake."),
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(run.run)
app.command("init", epilog=_epilog("tokentrial init trial"))(init.init)
app.command(
    "try",
    epilog=_epilog(
        "tokentrial try my_encoder.py --set rank=2,4,8",
        "tokentrial try my_encoder.py:Mine --check",
        codes=try_encoder.CODES,
    ),
)(try_encoder.try_encoder)
app.command(
    "compress",
    epilog=_epilog(
        "tokentrial compress smollm2 --methods svd,int4 --sizes 4,8 --text mine.txt --out compressed --save int4",
        codes=compress.CODES,
    ),
)(compress.compress)
app.command(
    "cram",
    epilog=_epilog(
        "tokentrial cram models/sotu/llama-64x2 --text mine.txt --lengths 4,8,16 --save vectors.safetensors",
        codes=cram.CODES,
    ),
)(cram.cram)
of_claims.command("list", epilog=_epilog("tokentrial claims list --document 000 --verdict REFUTED"))(claims.listed)
of_claims.command("show", epilog=_epilog("tokentrial claims show LE0-RQ"))(claims.show)
of_claims.command("export", epilog=_epilog("tokentrial claims export --format csv -o claims.csv"))(claims.export)


def arguments(given: list[str]) -> list[str]:
    """Returns the arguments with a second ``--`` for Snakemake, since the parser drops the first."""
    if given[:1] == ["run"] and "--" in given:
        place = given.index("--")
        return [*given[:place], "--", *given[place:]]
    return given


def main() -> None:
    """Runs the command."""
    try:
        app(arguments(sys.argv[1:]), prog_name="tokentrial")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
