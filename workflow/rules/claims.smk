# PURPOSE  A verdict on every claim of the documents; how many planted errors the checks see.
# INPUTS   documents/<id>/{document,claims}.yaml, the result tables; the documents' text if TOKENTRIAL_PAPERS names its folder
# OUTPUTS  results/verdicts.parquet and .json: one row per claim; results/{calibration,sensitivity}.parquet: see claims/
# STEPS    judge each claim by its check or its rule, all or none; plant errors and truths; judge again by other choices

from tokentrial.claims import frozen


rule verdicts:
    input:
        **{name: path for name, path in VIEWED.items() if name != "measures"},
        documents=DOCUMENTS,
        claims=CLAIMS,
        schema=source("workflow/schemas/claims.schema.yaml"),
        frozen=source(frozen.FILE.as_posix()),
        code=code_of("verdicts"),
    output:
        parquet="results/verdicts.parquet",
        json="results/verdicts.json",
    log:
        "logs/verdicts.log",
    localrule: True
    params:
        **JUDGING_PARAMS,
        code=content("verdicts"),
        tables=[name for name in VIEWED if name != "measures"],
        seed=config["seed"],
        designs=canonical(frozen.designs(config, digest(rates.FILE))),
    message:
        "Judging the claims"
    script:
        "../scripts/verdicts.py"


# The result depends on the documents and the code alone.
rule calibration:
    input:
        documents=DOCUMENTS,
        claims=rules.verdicts.input.claims,
        schema=source("workflow/schemas/claims.schema.yaml"),
        made_up=[source(f"workflow/calibration/{name}.yaml") for name in ("river-gauges", "shared-rows")],
        code=code_of("calibration"),
    output:
        parquet="results/calibration.parquet",
    log:
        "logs/calibration.log",
    localrule: True
    params:
        code=content("calibration"),
        seed=config["seed"],
    message:
        "Planting errors for the checks to find"
    script:
        "../scripts/calibration.py"


rule sensitivity:
    input:
        **{name: path for name, path in VIEWED.items() if name != "measures"},
        claims=rules.verdicts.input.claims,
        documents=DOCUMENTS,
        schema=source("workflow/schemas/claims.schema.yaml"),
        code=code_of("sensitivity"),
    output:
        parquet="results/sensitivity.parquet",
    log:
        "logs/sensitivity.log",
    localrule: True
    threads: 2
    params:
        **JUDGING_PARAMS,
        code=content("sensitivity"),
        tables=[name for name in VIEWED if name != "measures"],
    message:
        "Judging the claims by other margins, metrics and baselines"
    script:
        "../scripts/sensitivity.py"
