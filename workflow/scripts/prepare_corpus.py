"""Tokenises the run's corpus."""

import json

from tokentrial.data import tokenise
from tokentrial.job import logged

with logged(snakemake.log[0]):
    tokenise.prepare(
        paths={split: snakemake.input[split] for split in ("train", "validation", "test")},
        record=snakemake.input.record,
        **json.loads(snakemake.params.tokens),
        out=dict(snakemake.output.items()),
        needed=json.loads(snakemake.params.needed),
        file=snakemake.input.get("tokenizer") or None,
    )
