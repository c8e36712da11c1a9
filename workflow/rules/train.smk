# PURPOSE  Run the experiments on small models: one job per condition, with all its arms and seeds; the released scripts.
# INPUTS   results/data/<dataset>.parquet and .reference.parquet
# OUTPUTS  results/runs/<condition>.parquet (measurements), results/arms/<condition>.parquet (costs of each arm)
# STEPS    train every arm on the same data, batches and initial numbers; choose the step on validation; measure on test


rule train:
    input:
        data=lambda wildcards: f"results/data/{CONDITIONS[wildcards.condition]['dataset']}.parquet",
        reference=lambda wildcards: f"results/data/{CONDITIONS[wildcards.condition]['dataset']}.reference.parquet",
        code=lambda wildcards: code_of("train", *small_models.encoder_modules(CONDITIONS[wildcards.condition])),
    output:
        runs="results/runs/{condition}.parquet",
        arms="results/arms/{condition}.parquet",
    log:
        "logs/train/{condition}.log",
    benchmark:
        "logs/benchmarks/train/{condition}.jsonl"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("train"),
        spec=lambda wildcards: canonical(CONDITIONS[wildcards.condition]),
        # not an output, since Snakemake deletes outputs before it runs a job again
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/{wildcards.condition}",
    message:
        "Training {wildcards.condition}"
    script:
        "../scripts/train.py"


rule released:
    input:
        code=code_of("released"),
    output:
        runs="results/runs/{script}.parquet",
        arms="results/arms/{script}.parquet",
    log:
        "logs/released/{script}.log",
    benchmark:
        "logs/benchmarks/released/{script}.jsonl"
    wildcard_constraints:
        script="learned_encoding/as-released/[a-z-]+",
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        code=content("released"),
        spec=lambda wildcards: canonical(SCRIPTS[wildcards.script]),
    message:
        "Running the released script {wildcards.script}"
    script:
        "../scripts/released.py"


rule released_bespoke:
    input:
        code=code_of("released_bespoke"),
    output:
        runs="results/runs/{script}.parquet",
        arms="results/arms/{script}.parquet",
    log:
        "logs/released_bespoke/{script}.log",
    benchmark:
        "logs/benchmarks/released_bespoke/{script}.jsonl"
    wildcard_constraints:
        script="bespoke/as-released/[a-z-]+",
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        code=content("released_bespoke"),
        spec=lambda wildcards: canonical(SCRIPTS[wildcards.script]),
    message:
        "Running the released script {wildcards.script}"
    script:
        "../scripts/released_bespoke.py"
