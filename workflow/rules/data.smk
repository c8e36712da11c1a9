# PURPOSE  Make the data: synthetic sequences with their floors and ceilings, and WikiText-2.
# INPUTS   the config (through params); WikiText-2 from a local folder or the network
# OUTPUTS  results/data/<dataset>.parquet and .reference.parquet; results/data/corpus/<tokens>/<split>.parquet
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
rule prepare_corpus:
    input:
        code=modules("results", "data/tokenise", "data/download", "data/entropy"),
    output:
        train="results/data/corpus/{tokens}/train.parquet",
        validation="results/data/corpus/{tokens}/validation.parquet",
        test="results/data/corpus/{tokens}/test.parquet",
        vocabulary="results/data/corpus/{tokens}/vocabulary.parquet",
        reference="results/data/corpus/{tokens}/reference.parquet",
    log:
        "logs/data/corpus/{tokens}.log",
    priority: 100
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        code=content("prepare_corpus"),
        folder=config["language_models"]["folder"],
        tokens=lambda wildcards: canonical(config["language_models"]["tokens"][wildcards.tokens]),
    message:
        "Preparing WikiText-2 as {wildcards.tokens} tokens"
    script:
        "../scripts/prepare_corpus.py"


rule language_models:
    input:
        [f"results/data/corpus/{tokens}/train.parquet" for tokens in config["language_models"]["tokens"]],
