"""Crams the texts of one experiment into input vectors of one language model."""

from tokentrial.cramming.model_folder import folder_for
from tokentrial.data.corpora import read_record
from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.cramming.job.run_cramming",
    spec=snakemake.params.spec,
    model=folder_for(snakemake.input.model, read_record(snakemake.input.record).name),
    text={split: snakemake.input[split] for split in ("train", "validation", "test")},
    record=snakemake.input.record,
    code=snakemake.input.code,
    checkpoints=snakemake.params.checkpoints,
    kept=snakemake.params.kept,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
)
