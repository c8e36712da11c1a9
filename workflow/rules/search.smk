# PURPOSE  Search the learning rate of every fair arm, on seeds of its own; of small models the steps, too.
# INPUTS   config: search; the conditions done right of its experiments; for language models the tokenised corpus
# OUTPUTS  results/search/<condition>.json; results/rates.json, to be kept as studies/rates.json
# STEPS    try a grid of rates that grows while its best is at an end; double the steps until the gain is flat
#
# No part of a run: a run reads studies/rates.json. `snakemake --cores 8 search` makes results/rates.json.

try:
    SEARCHES = rates.jobs(config, DECLARED)
except InputError as error:
    sys.exit(f"error: {error}")


rule search_condition:
    input:
        code=lambda wildcards: code_of("search_condition", *small_models.encoder_modules(SEARCHES[wildcards.condition])),
    output:
        choices="results/search/{condition}.json",
    log:
        "logs/search/{condition}.log",
    benchmark:
        "logs/benchmarks/search/{condition}.jsonl"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("search_condition"),
        spec=lambda wildcards: canonical(SEARCHES[wildcards.condition]),
        # not an output, since Snakemake deletes outputs before it runs a job again
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/search/{wildcards.condition}",
    message:
        "Searching the learning rates of {wildcards.condition}"
    script:
        "../scripts/search_condition.py"


rule search_language_models:
    input:
        train=lambda wildcards: f"results/data/corpus/{SEARCHES[wildcards.searched]['tokens']}/train.parquet",
        validation=lambda wildcards: f"results/data/corpus/{SEARCHES[wildcards.searched]['tokens']}/validation.parquet",
        test=lambda wildcards: f"results/data/corpus/{SEARCHES[wildcards.searched]['tokens']}/test.parquet",
        vocabulary=lambda wildcards: f"results/data/corpus/{SEARCHES[wildcards.searched]['tokens']}/vocabulary.parquet",
        reference=lambda wildcards: f"results/data/corpus/{SEARCHES[wildcards.searched]['tokens']}/reference.parquet",
        code=lambda wildcards: code_of(
            "search_language_models", *language_models.encoder_modules(SEARCHES[wildcards.searched])
        ),
    output:
        choices="results/search/{searched}.json",
    log:
        "logs/search_language_models/{searched}.log",
    benchmark:
        "logs/benchmarks/search_language_models/{searched}.jsonl"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("search_language_models"),
        spec=lambda wildcards: canonical(SEARCHES[wildcards.searched]),
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/search/{wildcards.searched}",
    message:
        "Searching the learning rates of {wildcards.searched}"
    script:
        "../scripts/search_language_models.py"


rule search:
    input:
        choices=[f"results/search/{name}.json" for name in SEARCHES],
        code=code_of("search"),
    output:
        rates="results/rates.json",
    log:
        "logs/search.log",
    localrule: True
    params:
        code=content("search"),
        specs={name: canonical(spec) for name, spec in SEARCHES.items()},
        # made with input, so that Snakemake keeps no record of a path
        earlier=lambda wildcards, input: str(ROOT / rates.FILE),
    message:
        "Writing the searched rates"
    script:
        "../scripts/search.py"
