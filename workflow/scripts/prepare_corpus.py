"""Fetch, check and tokenise WikiText-2."""

import json
import os
from pathlib import Path

from tokentrial.data import tokenise
from tokentrial.job import logged

with logged(snakemake.log[0]):
    # the variable is a fact of the machine, so it stays out of the rule's parameters
    folder = snakemake.params.folder or os.environ.get("TOKENTRIAL_WIKITEXT2") or None
    tokenise.prepare(
        paths=tokenise.fetch(folder, cache=Path("results/data/corpus/source")),
        **json.loads(snakemake.params.tokens),
        out=dict(snakemake.output.items()),
    )
