"""Writes the page of a study of one's own."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.study_page import write

    write(
        frames={name: snakemake.input[name] for name in snakemake.params.tables},
        settings=json.loads(snakemake.params.settings),
        verdicts=snakemake.input.verdicts,
        documents=snakemake.input.documents,
        published=snakemake.input.published,
        figures=snakemake.input.figures,
        corpus=snakemake.input.corpus,
        output=snakemake.output.page,
    )
