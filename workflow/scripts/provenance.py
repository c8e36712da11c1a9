"""Record where the files of a finished run come from."""

import json
from pathlib import Path

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.crate import record

    found = record.describe(
        Path(),
        config=json.loads(snakemake.params.config),
        specs=json.loads(snakemake.params.specs),
        final=snakemake.input.final,
    )
    record.write(snakemake.output.json, found)
