"""Measures how many planted errors the checks see, and how many true statements they flag."""

from tokentrial import documents
from tokentrial.job import run
from tokentrial.provenance import git_commit

run(
    snakemake.log[0],
    "tokentrial.claims.calibration.measure.write",
    keep=False,
    documents=[str(folder) for folder in documents.folders_of(snakemake.input.claims)],
    schema=snakemake.input.schema,
    made_up=list(snakemake.input.made_up),
    seed=snakemake.params.seed,
    output=snakemake.output.parquet,
    commit=git_commit(),
)
