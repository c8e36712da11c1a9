"""Measures how many planted errors the checks see, and how many true statements they flag."""

from tokentrial import documents
from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.claims.calibration.measure import write
    from tokentrial.provenance import git_commit

    write(
        documents=documents.folders_of(snakemake.input.claims),
        schema=snakemake.input.schema,
        made_up=snakemake.input.made_up,
        seed=snakemake.params.seed,
        output=snakemake.output.parquet,
        commit=git_commit(),
    )
