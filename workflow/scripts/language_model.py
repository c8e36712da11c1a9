"""Trains one arm of a language-model condition with all its seeds."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.training.language_job.run_language_model",
    spec=snakemake.params.spec,
    data={name: snakemake.input[name] for name in ("train", "validation", "test", "vocabulary", "reference")},
    code=snakemake.input.code,
    trained=snakemake.input.get("trained") or None,
    checkpoints=snakemake.params.checkpoints,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
    models=snakemake.output.get("models"),
)
