"""Makes a folder of a language model that is a GGUF file."""

from pathlib import Path

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.cramming.packaged.make_folder",
    depends=snakemake.input.code,
    spec=snakemake.params.spec,
    path=next(iter(snakemake.input.gguf), None),
    folder=str(Path(snakemake.output.config).parent),
)
