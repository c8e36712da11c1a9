# PURPOSE  One table of all measurements and one of all arms; a check that the files of a run are still whole.
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
    params:
        code=content("collect"),
    message:
        "Collecting the rows of all jobs"
    script:
        "../scripts/collect.py"


# Without an output, so that it runs whenever it is asked for; what it finds damaged is made again by the next run.
rule verify:
    input:
        code=modules(
            "verify",
            "results",
            "training/checkpoint",
            "data/corpora",
            "cramming/folders",
            "cramming/packed",
            "cramming/scan",
        ),
    log:
        "logs/verify.log",
    localrule: True
    params:
        code=content("verify"),
    message:
        "Checking the files of this run"
    script:
        "../scripts/verify.py"


# A study, or a sub-study, can be asked for alone.
for name in STUDIES_AND_PARTS:

    rule:
        name:
            f"study_{name}"
        input:
            runs=[f"results/runs/{job}.parquet" for job in JOBS if name in parts(job)],
