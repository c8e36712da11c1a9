"""Pack a finished run as a Workflow Run RO-Crate."""

import json
from pathlib import Path

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.crate import record
    from tokentrial.crate.build import write_crate

    write_crate(
        Path(),
        config=json.loads(snakemake.params.config),
        found=record.read(snakemake.input.provenance),
        final=[*snakemake.input.final, snakemake.input.provenance],
        output=snakemake.output.zip,
    )
