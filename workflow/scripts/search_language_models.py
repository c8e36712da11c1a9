"""Searches the learning rate of every trained arm of a condition of language models."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.training.language_search.run_language_search",
    spec=snakemake.params.spec,
    data={name: snakemake.input[name] for name in ("train", "validation", "test", "vocabulary", "reference")},
    code=snakemake.input.code,
    checkpoints=snakemake.params.checkpoints,
    choices=snakemake.output.choices,
)
