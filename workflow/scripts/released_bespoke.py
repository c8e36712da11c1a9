"""Runs one released script of the study of bespoke dimensions with all seeds at once."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.released.bespoke.job.run_script_job",
    depends=snakemake.input.code,
    spec=snakemake.params.spec,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
)
