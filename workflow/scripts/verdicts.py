"""Judge every claim of the registry."""

import json
import os
from pathlib import Path

from tokentrial.claims import registry, verdicts
from tokentrial.claims.rules import Results
from tokentrial.job import logged

with logged(snakemake.log[0]):
    folder, schema = Path(snakemake.input.claims[0]).parents[1], snakemake.input.schema
    papers = os.environ.get("TOKENTRIAL_PAPERS")  # a fact of the machine, so it stays out of the rule's parameters
    if papers:
        registry.check_texts(papers, folder)
    statistics = json.loads(snakemake.params.settings)
    run = Results.read({name: snakemake.input[name] for name in snakemake.params.tables}, statistics["confidence"])
    judged = verdicts.judge(registry.load(folder, schema), run)
    verdicts.write(Path(snakemake.output.parquet).parent, judged)
