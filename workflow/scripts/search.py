"""Writes the searched rates of whole experiments into one file, as studies/rates.json keeps them."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.provenance import git_commit
    from tokentrial.studies import rates

    specs = {name: json.loads(spec) for name, spec in snakemake.params.specs.items()}
    choices = dict(zip(specs, snakemake.input.choices, strict=True))
    rates.write(snakemake.output.rates, specs, choices, snakemake.params.earlier, git_commit())
