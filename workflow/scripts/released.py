"""Runs one released script with its own seed and further seeds."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.released.job.run_script_job",
    depends=snakemake.input.code,
    spec=snakemake.params.spec,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
)
