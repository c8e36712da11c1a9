# PURPOSE  One table of all measurements and one of all arms; tables that describe conditions and arms; a check of all files.
# INPUTS   results/runs/<condition>.parquet, results/arms/<condition>.parquet
# OUTPUTS  results/{runs,arms,conditions,methods}.parquet
# STEPS    check each file against its schema, concatenate in the order of the jobs, describe the conditions and arms


rule collect:
    input:
        runs=[f"results/runs/{job}.parquet" for job in JOBS],
        arms=[f"results/arms/{job}.parquet" for job in JOBS],
        code=code_of("collect"),
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


# Snakemake keeps no record of a param that is made with ``input``. The plan of 10,000 conditions is 3 MB, so Snakemake
# records and compares only its digest; the same holds for the studies' names. They hold no captions, so that an edited
# caption reruns nothing.
rule conditions:
    input:
        arms="results/arms.parquet",
        code=code_of("conditions"),
    output:
        conditions="results/conditions.parquet",
        methods="results/methods.parquet",
    log:
        "logs/conditions.log",
    localrule: True
    params:
        code=content("conditions"),
        plan=lambda wildcards, input: PLAN,
        plan_digest=hashlib.sha256(canonical(PLAN).encode()).hexdigest(),
        studies=lambda wildcards, input: {study: NAMES[study] for study in STUDIES},
        studies_digest=hashlib.sha256(repr([(study, NAMES[study]) for study in STUDIES]).encode()).hexdigest(),
    message:
        "Describing the conditions and arms"
    script:
        "../scripts/conditions.py"


# The tables of run.view.View.
VIEWED = {
    **{name: f"results/{name}.parquet" for name in ("runs", "arms", "conditions", "methods", "summary", "statistics")},
    "measures": "results/cramming.parquet",
    "decisions": "results/cramming_decisions.parquet",
}


# The rule has no output, so it runs at every request. The next run makes damaged files again.
rule verify:
    input:
        code=code_of("verify"),
    log:
        "logs/verify.log",
    localrule: True
    params:
        code=content("verify"),
    message:
        "Checking the files of this run"
    script:
        "../scripts/verify.py"


# Targets for the rows of a single study or experiment.
for name in STUDIES_AND_PARTS:

    rule:
        name:
            f"study_{name}"
        input:
            runs=[f"results/runs/{job}.parquet" for job in JOBS if name in parts(job)],
