"""Judges every claim of the registry."""

import json

from tokentrial import documents
from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.claims.job.write_verdicts",
    keep=False,
    tables={name: snakemake.input[name] for name in snakemake.params.tables},
    documents=[str(folder) for folder in documents.folders_of(snakemake.input.claims)],
    schema=snakemake.input.schema,
    settings=json.loads(snakemake.params.settings),
    seed=snakemake.params.seed,
    designs=json.loads(snakemake.params.designs),
    rules=snakemake.input.frozen,
    output=snakemake.output.parquet,
)
