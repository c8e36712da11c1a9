# PURPOSE  Make the data: synthetic sequences with their floors and ceilings, and WikiText-2.
# INPUTS   the config (through params); WikiText-2 from a local folder or the network
# OUTPUTS  results/data/<dataset>.parquet and .reference.parquet; results/data/wikitext2/<tokens>/<split>.parquet
# STEPS    draw each data set from its own random streams; fetch, check and tokenise WikiText-2


rule data:
    input:
        code=modules(
            *["seeds", "results", "data/generate", "data/spec", "data/entropy"],
            *["data/markov", "data/zipf", "data/patterns"],
        ),
    output:
        data="results/data/{dataset}.parquet",
        reference="results/data/{dataset}.reference.parquet",
    log:
        "logs/data/{dataset}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=content("data"),
        spec=lambda wildcards: canonical(DATASETS[wildcards.dataset]),
    message:
        "Drawing the data of {wildcards.dataset}"
    script:
        "../scripts/data.py"


# First of all jobs, since without the text the run can stop at once.
rule prepare_wikitext2:
    input:
        code=modules("results", "data/wikitext2", "data/download", "data/entropy"),
    output:
        train="results/data/wikitext2/{tokens}/train.parquet",
        validation="results/data/wikitext2/{tokens}/validation.parquet",
        test="results/data/wikitext2/{tokens}/test.parquet",
        vocabulary="results/data/wikitext2/{tokens}/vocabulary.parquet",
        reference="results/data/wikitext2/{tokens}/reference.parquet",
    log:
        "logs/data/wikitext2/{tokens}.log",
    priority: 100
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        code=content("prepare_wikitext2"),
        folder=config["wikitext2"]["folder"],
        tokens=lambda wildcards: canonical(config["wikitext2"]["tokens"][wildcards.tokens]),
    message:
        "Preparing WikiText-2 as {wildcards.tokens} tokens"
    script:
        "../scripts/wikitext2.py"


rule wikitext2:
    input:
        [f"results/data/wikitext2/{tokens}/train.parquet" for tokens in config["wikitext2"]["tokens"]],
