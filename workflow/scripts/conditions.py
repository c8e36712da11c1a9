"""Describes every condition and arm of the run."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.run.describe.write",
    keep=False,
    arms=snakemake.input.arms,
    studies=snakemake.params.studies,
    plan=snakemake.params.plan,
    conditions=snakemake.output.conditions,
    methods=snakemake.output.methods,
)
