"""Run one released script of the bespoke-dimension study, all its seeds at once."""

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.studies.released_bespoke.job import run_script_job

    run_script_job(spec=snakemake.params.spec, runs=snakemake.output.runs, arms=snakemake.output.arms)
