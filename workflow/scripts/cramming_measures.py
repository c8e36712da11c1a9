"""Writes the measures and decisions of the cramming study."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.claims import decisions

    decisions.write(
        runs=snakemake.input.runs,
        conditions=snakemake.input.conditions,
        methods=snakemake.input.methods,
        measures=snakemake.output.measures,
        decisions=snakemake.output.decisions,
        settings=json.loads(snakemake.params.settings),
        seed=snakemake.params.seed,
        published=snakemake.input.published,
    )
