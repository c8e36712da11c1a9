# PURPOSE  One table of all measurements and one of all arms.
# INPUTS   results/runs/<condition>.parquet, results/arms/<condition>.parquet
# OUTPUTS  results/runs.parquet, results/arms.parquet
# STEPS    check each file against its schema, concatenate in the order of the conditions


rule collect:
    input:
        runs=[f"results/runs/{job}.parquet" for job in JOBS],
        arms=[f"results/arms/{job}.parquet" for job in JOBS],
        code=modules("collect", "results"),
    output:
        runs="results/runs.parquet",
        arms="results/arms.parquet",
    log:
        "logs/collect.log",
    localrule: True
    message:
        "Collecting the rows of all jobs"
    script:
        "../scripts/collect.py"


# A study, or a sub-study, can be asked for alone.
for name in STUDIES_AND_PARTS:

    rule:
        name:
            f"study_{name}"
        input:
            runs=[f"results/runs/{job}.parquet" for job in JOBS if name in parts(job)],
