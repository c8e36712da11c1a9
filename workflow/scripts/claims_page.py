"""Writes the verdicts as one self-contained HTML page."""

import json
from pathlib import Path

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.claims_page import write_page
    from tokentrial.report.scale import page_facts

    write_page(
        verdicts=snakemake.input.verdicts,
        figures={Path(path).stem: path for path in snakemake.input.figures},
        documents=snakemake.input.documents,
        facts=page_facts(
            snakemake.input.arms, json.loads(snakemake.params.config), snakemake.input.get("corpus") or None
        ),
        output=snakemake.output.page,
        template_folder=str(Path(snakemake.input.templates[0]).parent),
    )
