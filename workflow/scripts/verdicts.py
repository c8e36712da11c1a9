"""Judges every claim of the registry."""

import json
import os
from pathlib import Path

from tokentrial import checkout, documents
from tokentrial.claims import freeze, frozen, registry, verdicts
from tokentrial.claims.rules import Results
from tokentrial.job import logged

with logged(snakemake.log[0]):
    folders, schema = documents.folders_of(snakemake.input.claims), snakemake.input.schema
    papers = os.environ.get("TOKENTRIAL_PAPERS")  # depends on the machine, so it is no parameter of the rule
    if papers:
        registry.check_texts(papers, folders)
    statistics = json.loads(snakemake.params.settings)
    run = Results.read({name: snakemake.input[name] for name in snakemake.params.tables}, statistics["confidence"])
    rules = frozen.read(snakemake.input.frozen)
    judging = frozen.Judging(
        snakemake.params.seed, statistics, json.loads(snakemake.params.designs), freeze.code(checkout.ROOT)
    )
    all_verdicts = verdicts.judge(registry.load(folders, schema), run, freeze.fixed_by(rules, judging))
    verdicts.write(Path(snakemake.output.parquet).parent, all_verdicts)
