"""Writes the rows of an arm that another job trained, under this arm's names."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.training.twins.write_twin",
    depends=snakemake.input.code,
    spec=snakemake.params.spec,
    origin=snakemake.params.origin,
    trained_runs=snakemake.input.runs,
    trained_arms=snakemake.input.arms,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
)
