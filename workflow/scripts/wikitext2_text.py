"""Fetch and check WikiText-2's three text files."""

import os
import shutil
from pathlib import Path

from tokentrial.data.download import fetch
from tokentrial.job import logged

with logged(snakemake.log[0]):
    # the variable is a fact of the machine, so it stays out of the rule's parameters
    folder = snakemake.params.folder or os.environ.get("TOKENTRIAL_WIKITEXT2") or None
    paths = fetch(folder, cache=Path("results/data/wikitext2/source"))
    for split, path in snakemake.output.items():
        shutil.copyfile(paths[split], path)
