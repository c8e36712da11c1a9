"""Describes every condition and arm of the run."""

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.run.describe import write

    write(
        arms=snakemake.input.arms,
        studies=snakemake.params.studies,
        plan=snakemake.params.plan,
        conditions=snakemake.output.conditions,
        methods=snakemake.output.methods,
    )
