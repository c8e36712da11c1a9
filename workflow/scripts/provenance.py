"""Records the origin of the files of a finished run."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.publish.crate import record
    from tokentrial.publish.crate.files import Project

    project = Project.that_made(snakemake.output.json, "results/provenance.json")
    provenance = record.describe(
        project,
        config=json.loads(snakemake.params.config),
        specs=json.loads(snakemake.params.specs),
        final=[project.name(path) for path in snakemake.input.final],
    )
    record.write(snakemake.output.json, provenance)
