"""Writes the levels and comparisons of all arms."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.run.statistics import write_statistics

    write_statistics(
        runs=snakemake.input.runs,
        conditions=snakemake.input.conditions,
        methods=snakemake.input.methods,
        summary=snakemake.output.summary,
        statistics=snakemake.output.statistics,
        settings=json.loads(snakemake.params.settings),
        seed=snakemake.params.seed,
    )
