"""Searches the learning rate and the steps of every arm of one condition."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.training.search.run_search",
    spec=snakemake.params.spec,
    code=snakemake.input.code,
    checkpoints=snakemake.params.checkpoints,
    choices=snakemake.output.choices,
)
