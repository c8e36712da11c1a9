"""Run one released script of the bespoke-dimension study, all its seeds at once."""

from tokentrial.studies.released_bespoke.job import run_script_job

from tokentrial.job import logged

with logged(snakemake.log[0]):
    run_script_job(spec=snakemake.params.spec, runs=snakemake.output.runs, arms=snakemake.output.arms)
