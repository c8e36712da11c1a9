"""Writes the measures and decisions of the cramming study."""

import json

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.claims.decisions.write",
    keep=False,
    runs=snakemake.input.runs,
    conditions=snakemake.input.conditions,
    methods=snakemake.input.methods,
    measures=snakemake.output.measures,
    decisions=snakemake.output.decisions,
    settings=json.loads(snakemake.params.settings),
    seed=snakemake.params.seed,
    published=list(snakemake.input.published),
)
