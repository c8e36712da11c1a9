"""Fetch and check WikiText-2's three text files."""

import os
from pathlib import Path

from tokentrial.data.raw_text import deliver
from tokentrial.job import logged

with logged(snakemake.log[0]):
    # the variable is a fact of the machine, so it stays out of the rule's parameters
    folder = snakemake.params.folder or os.environ.get("TOKENTRIAL_WIKITEXT2") or None
    deliver(folder, cache=Path("results/data/corpus/source"), out=dict(snakemake.output.items()))
