# PURPOSE  Levels and comparisons with intervals, tests and equivalence; measures and decisions of the cramming study.
# INPUTS   results/{runs,conditions,methods}.parquet, documents/<id>/printed.yaml
# OUTPUTS  results/{summary,statistics}.parquet: one row per level, or comparison; results/cramming{,_decisions}.parquet
# STEPS    summarise the held-out values over seeds, compare the own encodings with other arms on paired seeds

# The settings of statistics, figures and verdicts. Each rule after collect takes them from here, so that a changed margin
# runs all these rules again.
JUDGING = settings.judging(config)
JUDGING_PARAMS = {"settings": canonical(JUDGING)}


rule statistics:
    input:
        runs="results/runs.parquet",
        conditions="results/conditions.parquet",
        methods="results/methods.parquet",
        code=code_of("statistics"),
    output:
        summary="results/summary.parquet",
        statistics="results/statistics.parquet",
    log:
        "logs/statistics.log",
    localrule: True
    threads: 2
    params:
        **JUDGING_PARAMS,
        code=content("statistics"),
        seed=config["seed"],
    message:
        "Comparing the arms"
    script:
        "../scripts/statistics.py"


# If the config has no cramming, both tables exist and are empty.
rule cramming_measures:
    input:
        runs="results/runs.parquet",
        conditions="results/conditions.parquet",
        methods="results/methods.parquet",
        published=PRINTED,
        code=code_of("cramming_measures"),
    output:
        measures="results/cramming.parquet",
        decisions="results/cramming_decisions.parquet",
    log:
        "logs/cramming_measures.log",
    localrule: True
    params:
        code=content("cramming_measures"),
        settings=canonical(cramming.deciding(config)),
        seed=config["seed"],
    message:
        "Measuring what was crammed"
    script:
        "../scripts/cramming_measures.py"
