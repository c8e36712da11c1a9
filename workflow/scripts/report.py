"""Write the report."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.document import write_report

    write_report(
        tables={name: snakemake.input[name] for name in ("runs", "arms", "summary", "statistics")},
        template=snakemake.input.template,
        published=snakemake.input.published,
        config=json.loads(snakemake.params.config),
        output=snakemake.output.pdf,
    )
