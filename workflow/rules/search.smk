# PURPOSE  Search the learning rate and the steps of every fair arm of small models, on seeds of its own.
# INPUTS   config: search; the conditions done right of its experiments
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
