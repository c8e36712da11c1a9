# PURPOSE  A verdict on every claim of the documents.
# INPUTS   documents/<id>/{document,claims}.yaml, the result tables; the documents' text if TOKENTRIAL_PAPERS names its folder
# OUTPUTS  results/verdicts.parquet and .json: one row per claim, with the numbers that decide the verdict
# STEPS    check the registry, apply each claim's check or decision rule, write all verdicts or none

from tokentrial.claims import frozen


rule verdicts:
    input:
        **{name: path for name, path in VIEWED.items() if name != "measures"},
        documents=DOCUMENTS,
        claims=[source(f"documents/{name}/{documents.CLAIMS}") for name in catalogue.DOCUMENTS],
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
