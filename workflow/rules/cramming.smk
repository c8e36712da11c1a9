# PURPOSE  Cram texts into trainable input vectors of frozen language models.
# INPUTS   the corpus; model folders: shipped with the code, local, of the hub, of a GGUF file, or trained by the run
# OUTPUTS  results/runs/cramming/<experiment>/<model>.parquet and results/arms/...; results/models/cramming/<model>/
# STEPS    train, download or convert the missing models, optimise vectors for each text; killed jobs continue from checkpoints


rule pretrain:
    input:
        **rules.corpus.output,
        code=code_of("pretrain"),
    output:
        **{file.partition(".")[0]: f"results/models/{cramming.STUDY}/{{model}}/{file}" for file in cramming.FILES},
    log:
        "logs/pretrain/{model}.log",
    benchmark:
        "logs/benchmarks/pretrain/{model}.jsonl"
    priority: 60
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("pretrain"),
        spec=lambda wildcards: canonical(cramming.recipes(config)[wildcards.model]),
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/pretrain/{wildcards.model}",
    message:
        "Training the language model {wildcards.model}"
    script:
        "../scripts/pretrain.py"


rule download_model:
    input:
        code=code_of("download_model"),
    output:
        folder=directory("results/models/hub/{model}"),
    log:
        "logs/download_model/{model}.log",
    localrule: True
    params:
        code=content("download_model"),
        hub=lambda wildcards: config["cramming"]["models"][wildcards.model]["hub"],
        revision=lambda wildcards: config["cramming"]["models"][wildcards.model].get("revision", "main"),
    message:
        "Downloading the language model {wildcards.model}"
    script:
        "../scripts/download_model.py"


# A package's file is no input: its version and its SHA-256 are in the code.
rule convert_model:
    input:
        gguf=lambda wildcards: cramming.gguf_file(config, wildcards.model, absolute=not IS_HERE),
        code=code_of("convert_model"),
    output:
        **{file.partition(".")[0]: f"results/models/gguf/{{model}}/{file}" for file in cramming.CONVERTED},
    log:
        "logs/convert_model/{model}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        code=content("convert_model"),
        spec=lambda wildcards: canonical(
            {key: value for key, value in config["cramming"]["models"][wildcards.model].items() if key == "package"}
        ),
    message:
        "Converting the language model {wildcards.model}"
    script:
        "../scripts/convert_model.py"


rule pretrained_models:
    input:
        [f"results/models/{cramming.STUDY}/{name}/model.safetensors" for name in cramming.recipes(config)],


rule cram:
    input:
        **rules.corpus.output,
        model=lambda wildcards: CRAMMING_MODELS[CRAMMED[wildcards.crammed]["model"]],
        code=code_of("cram"),
    output:
        runs="results/runs/{crammed}.parquet",
        arms="results/arms/{crammed}.parquet",
    log:
        "logs/cram/{crammed}.log",
    benchmark:
        "logs/benchmarks/cram/{crammed}.jsonl"
    threads: lambda wildcards: CRAMMED[wildcards.crammed].get("threads", 1)
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        code=content("cram"),
        spec=lambda wildcards: canonical(CRAMMED[wildcards.crammed]),
        checkpoints=lambda wildcards: f"{RESULTS}/checkpoints/{wildcards.crammed}",
        kept=f"{RESULTS}/models/facts",
    message:
        "Cramming {wildcards.crammed}"
    script:
        "../scripts/cram.py"
