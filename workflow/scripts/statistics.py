"""Writes the levels and comparisons of all arms."""

import json

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.run.statistics.write_statistics",
    keep=False,
    runs=snakemake.input.runs,
    conditions=snakemake.input.conditions,
    methods=snakemake.input.methods,
    summary=snakemake.output.summary,
    statistics=snakemake.output.statistics,
    settings=json.loads(snakemake.params.settings),
    seed=snakemake.params.seed,
    processes=snakemake.threads,
)
