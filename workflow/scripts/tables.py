"""Write every table of the report in every format."""

import json
from pathlib import Path

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.tables import write_tables

    write_tables(
        frames={name: snakemake.input[name] for name in snakemake.params.tables},
        published_files={Path(file).stem: file for file in snakemake.input.published},
        studies=snakemake.input.studies,
        settings=json.loads(snakemake.params.settings),
        outputs=snakemake.output,
        verdicts=snakemake.input.verdicts,
    )
