# PURPOSE  A verdict on every claim of the documents.
# INPUTS   config/claims/*.yaml and the result tables; the documents' own text where TOKENTRIAL_PAPERS names its folder
# OUTPUTS  results/verdicts.parquet and .json, a claim a row with the numbers that decide it
# STEPS    check the registry, run each claim's check or decision rule, write all verdicts or none

CLAIM_FILES = [source(f"config/claims/{name}.yaml") for name in ("documents", *catalogue.DOCUMENTS)]
CLAIM_MODULES = [
    *VIEW_MODULES,
    "seeds",
    *[f"claims/{name}" for name in ("parameters", "printed", "registry", "verdict", "verdicts")],
    *[f"claims/checks/{name}" for name in ("__init__", "agreement", "arithmetic", "counts", "effects", "granularity")],
    *[f"claims/checks/{name}" for name in ("levels", "performance", "ranges", "row_means", "scope")],
    *[f"claims/rules/{name}" for name in ("__init__", "comparisons", "contrasts", "decided", "frontier", "mechanisms")],
    *[f"claims/rules/{name}" for name in ("outcomes", "persistence", "progress", "replicated", "results", "telling")],
    *[f"data/{name}" for name in ("entropy", "markov", "patterns", "spec", "zipf")],
    *[f"statistics/{name}" for name in ("comparison", "effect_size", "equivalence", "grim", "hypothesis_tests")],
    *[f"statistics/{name}" for name in ("intervals", "multiplicity", "placement", "power", "replication", "reported")],
    *[f"statistics/{name}" for name in ("samples", "superiority", "tables", "trend")],
]


rule verdicts:
    input:
        **{name: path for name, path in VIEWED.items() if name != "measures"},
        claims=CLAIM_FILES,
        schema=source("workflow/schemas/claims.schema.yaml"),
        code=modules(*CLAIM_MODULES),
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
    message:
        "Judging the claims"
    script:
        "../scripts/verdicts.py"
