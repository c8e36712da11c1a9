"""Run one released script with its own seed and further ones."""

from tokentrial.job import logged
from tokentrial.studies.released.job import run_script_job

with logged(snakemake.log[0]):
    run_script_job(spec=snakemake.params.spec, runs=snakemake.output.runs, arms=snakemake.output.arms)
