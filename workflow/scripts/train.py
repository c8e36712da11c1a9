"""Trains all arms of one condition with all seeds."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.training.job.run_condition",
    spec=snakemake.params.spec,
    data=snakemake.input.data,
    reference=snakemake.input.reference,
    code=snakemake.input.code,
    checkpoints=snakemake.params.checkpoints,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
)
