# PURPOSE  Say whether a finished run agrees with the one that is shipped with the code.
# INPUTS   results/*.parquet as they are, at whatever scale, and results/reference/*.parquet; nothing is made again
# OUTPUTS  results/compare_reference.json and .md, and the latter on the terminal; fails where a verdict differs
# STEPS    join the rows of both runs, find the largest differences, compare decisions and verdicts

REFERENCE_MODULES = [
    *["results", "cramming/columns", "claims/verdict", "report/catalogue"],
    *[f"reference/{name}" for name in ("comparison", "rows", "text")],
]


# A check of files that are there: it runs whenever it is asked for, never starts a run to have something to compare,
# and what it wrote stays when it fails. So the tables are no inputs and the two files no outputs.
rule compare_reference:
    input:
        code=modules(*REFERENCE_MODULES),
    log:
        "logs/compare_reference.log",
    localrule: True
    params:
        code=content("compare_reference"),
        run=RESULTS,
        reference=source("results/reference"),
        json=f"{RESULTS}/compare_reference.json",
        text=f"{RESULTS}/compare_reference.md",
    message:
        "Comparing the run with the shipped one"
    script:
        "../scripts/compare_reference.py"
