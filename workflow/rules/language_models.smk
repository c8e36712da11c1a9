# PURPOSE  Train the language models: one job per arm, all its seeds.
# INPUTS   results/data/corpus/<tokens>/*.parquet; for two-stage arms the condition's trained full model
# OUTPUTS  results/runs/<job>.parquet, results/arms/<job>.parquet; results/models/<job>.safetensors of the full arm
# STEPS    train, choose the step on validation, measure on test; killed jobs continue from results/checkpoints/<job>;
#          if another condition has the same training, copy its rows under this job's names


rule language_model:
    input:
        train=lambda wildcards: f"results/data/corpus/{LANGUAGE_MODELS[wildcards.job]['tokens']}/train.parquet",
        validation=lambda wildcards: f"results/data/corpus/{LANGUAGE_MODELS[wildcards.job]['tokens']}/validation.parquet",
        test=lambda wildcards: f"results/data/corpus/{LANGUAGE_MODELS[wildcards.job]['tokens']}/test.parquet",
        vocabulary=lambda wildcards: f"results/data/corpus/{LANGUAGE_MODELS[wildcards.job]['tokens']}/vocabulary.parquet",
        reference=lambda wildcards: f"results/data/corpus/{LANGUAGE_MODELS[wildcards.job]['tokens']}/reference.parquet",
        trained=lambda wildcards: trained_full_model(wildcards.job),
        code=lambda wildcards: code_of("language_model", language_models.encoder_module(LANGUAGE_MODELS[wildcards.job])),
    output:
        runs="results/runs/{job}.parquet",
        arms="results/arms/{job}.parquet",
    log:
        "logs/language_model/{job}.log",
    benchmark:
        "logs/benchmarks/language_model/{job}.jsonl"
    wildcard_constraints:
        job=f"{language_models.STUDY}/[a-z0-9_/-]+/(?!{language_models.FULL}[.])[a-z0-9_-]+",
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("language_model"),
        spec=lambda wildcards: canonical(LANGUAGE_MODELS[wildcards.job]),
        # not an output, since Snakemake deletes outputs before it runs a job again
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/{wildcards.job}",
    message:
        "Training {wildcards.job}"
    script:
        "../scripts/language_model.py"


# The full arm keeps its trained model, from which other arms start.
use rule language_model as full_language_model with:
    output:
        runs="results/runs/{job}.parquet",
        arms="results/arms/{job}.parquet",
        models="results/models/{job}.safetensors",
    log:
        "logs/full_language_model/{job}.log",
    benchmark:
        "logs/benchmarks/full_language_model/{job}.jsonl"
    wildcard_constraints:
        job=f"{language_models.STUDY}/[a-z0-9_/-]+/{language_models.FULL}",
    priority: 50  # other arms wait for this one


# A job with the same training as another job is not trained: it copies the rows under the names of its condition.
rule twin_language_model:
    input:
        runs=lambda wildcards: f"results/runs/{TWINS[wildcards.job]}.parquet",
        arms=lambda wildcards: f"results/arms/{TWINS[wildcards.job]}.parquet",
        code=code_of("twin_language_model"),
    output:
        runs="results/runs/{job}.parquet",
        arms="results/arms/{job}.parquet",
    log:
        "logs/twin_language_model/{job}.log",
    wildcard_constraints:
        job="|".join(map(re.escape, TWINS)) or "none",
    localrule: True
    params:
        code=content("twin_language_model"),
        spec=lambda wildcards: canonical(LANGUAGE_MODELS[wildcards.job]),
        origin=lambda wildcards: TWINS[wildcards.job],
    message:
        "Writing {wildcards.job} from the same training in {params.origin}"
    script:
        "../scripts/twin_language_model.py"


ruleorder: twin_language_model > full_language_model > language_model
