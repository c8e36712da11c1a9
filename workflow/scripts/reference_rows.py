"""Takes the rows of the shipped run, so that they are judged again."""

import json
import shutil

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from pathlib import Path

    from tokentrial import results
    from tokentrial.collect import collect
    from tokentrial.run import shipped_run

    # raises the line of a config that would train something else
    shipped_run.judged_again(json.loads(snakemake.params.config), Path(snakemake.input.default).parents[1])
    # a study that this machine cannot run has no tables and figures here, either
    studies = snakemake.params.studies
    collect([snakemake.input.runs], snakemake.output.runs, results.RUNS, studies)
    shutil.copyfile(snakemake.input.record, snakemake.output.record)
    collect([snakemake.input.arms], snakemake.output.arms, results.ARMS, studies)
