"""Writes the run as a folder of pages."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.scale import page_facts
    from tokentrial.report.site.build import Sources, write_site

    write_site(
        Sources(
            frames={name: snakemake.input[name] for name in snakemake.params.tables},
            verdicts=snakemake.input.verdicts,
            tables=snakemake.input.tables,
            figures=snakemake.input.figures,
            documents=snakemake.input.documents,
            published=snakemake.input.published,
            facts=page_facts(
                snakemake.input.arms, json.loads(snakemake.params.config), snakemake.input.get("corpus") or None
            ),
            settings=json.loads(snakemake.params.settings),
            templates=snakemake.input.templates,
            numbers=snakemake.input.numbers,
        ),
        snakemake.output.folder,
    )
