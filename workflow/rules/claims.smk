# PURPOSE  A verdict on every claim of the documents.
# INPUTS   config/claims/*.yaml and the result tables; the documents' own text where TOKENTRIAL_PAPERS names its folder
# OUTPUTS  results/verdicts.parquet and results/verdicts.json: a claim a row, with the numbers that decide it
# STEPS    check the registry, run each claim's check or decision rule, write all verdicts or none

CLAIM_FILES = sorted(str(path) for path in Path("config/claims").glob("*.yaml"))
CLAIM_MODULES = (
    *[f"claims/{name}" for name in ("verdict", "printed", "parameters", "registry", "verdicts")],
    *sorted(path.relative_to("src/tokentrial").with_suffix("").as_posix() for path in Path("src/tokentrial/claims").glob("*/*.py")),
)


rule verdicts:
    input:
        runs="results/runs.parquet",
        arms="results/arms.parquet",
        summary="results/summary.parquet",
        statistics="results/statistics.parquet",
        decisions=CRAMMING_DECISIONS,
        claims=CLAIM_FILES,
        schema="workflow/schemas/claims.schema.yaml",
        code=modules(*CLAIM_MODULES),
    output:
        parquet="results/verdicts.parquet",
        json="results/verdicts.json",
    log:
        "logs/verdicts.log",
    localrule: True
    params:
        cells=canonical(CELLS),
        confidence=config["statistics"]["confidence"],
    message:
        "Judging the claims"
    script:
        "../scripts/verdicts.py"
