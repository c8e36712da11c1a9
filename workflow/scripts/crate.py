"""Packs a finished run as a Workflow Run RO-Crate."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.publish.crate import record
    from tokentrial.publish.crate.build import write_crate
    from tokentrial.publish.crate.files import Project

    project = Project.that_made(snakemake.output.zip, "results/crate.zip")
    write_crate(
        project,
        config=json.loads(snakemake.params.config),
        provenance=record.read(snakemake.input.provenance),
        final=[project.name(path) for path in (*snakemake.input.final, snakemake.input.provenance)],
        output=snakemake.output.zip,
    )
