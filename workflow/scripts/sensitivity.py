"""Judges every claim with a rule by other margins, metrics and baselines."""

import json

from tokentrial import documents
from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.claims.sensitivity import write

    write(
        tables={name: snakemake.input[name] for name in snakemake.params.tables},
        documents=documents.folders_of(snakemake.input.claims),
        schema=snakemake.input.schema,
        confidence=json.loads(snakemake.params.settings)["confidence"],
        output=snakemake.output.parquet,
    )
