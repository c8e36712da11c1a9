"""Judges every claim with a rule by other margins, metrics and baselines."""

import json

from tokentrial import documents
from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.claims.sensitivity.write",
    keep=False,
    tables={name: snakemake.input[name] for name in snakemake.params.tables},
    documents=[str(folder) for folder in documents.folders_of(snakemake.input.claims)],
    schema=snakemake.input.schema,
    confidence=json.loads(snakemake.params.settings)["confidence"],
    output=snakemake.output.parquet,
    processes=snakemake.threads,
)
