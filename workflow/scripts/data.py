"""Draw one synthetic data set and write it with its floors and ceilings."""

import json

from tokentrial.data.generate import generate
from tokentrial.job import logged

with logged(snakemake.log[0]):
    spec = json.loads(snakemake.params.spec)
    dataset = generate(spec["source"], seed=spec["seed"], seeds=spec["seeds"])
    dataset.to_parquet(snakemake.output.data, snakemake.output.reference, name=snakemake.wildcards.dataset)
