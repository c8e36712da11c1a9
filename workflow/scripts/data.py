"""Draws one synthetic data set and writes the data with its floors and ceilings."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.data.generate.write_dataset",
    spec=snakemake.params.spec,
    name=snakemake.wildcards.dataset,
    data=snakemake.output.data,
    reference=snakemake.output.reference,
)
