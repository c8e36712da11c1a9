"""Takes the rows of the shipped run, so that they are judged again."""

import json
import shutil

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from pathlib import Path

    from tokentrial import results, shipped
    from tokentrial.collect import collect
    from tokentrial.schema import study_files

    checkout = Path(snakemake.input.default).parents[1]
    shipped.check_training(json.loads(snakemake.params.config), study_files.default(checkout))
    # a study that this machine cannot run has no tables and figures here, either
    studies = snakemake.params.studies
    collect([snakemake.input.runs], snakemake.output.runs, results.RUNS, studies)
    shutil.copyfile(snakemake.input.record, snakemake.output.record)
    collect([snakemake.input.arms], snakemake.output.arms, results.ARMS, studies)
