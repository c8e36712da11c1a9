"""Trains one encoding of a language model's token table on text, and measures it."""

from tokentrial.cramming.model_folder import folder_for
from tokentrial.data.corpora import read_record
from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.real_model.training_job.run_training",
    spec=snakemake.params.spec,
    model=folder_for(snakemake.input.model, read_record(snakemake.input.record).name),
    text={split: snakemake.input[split] for split in ("train", "validation", "test")},
    record=snakemake.input.record,
    code=snakemake.input.code,
    checkpoints=snakemake.params.checkpoints,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
)
