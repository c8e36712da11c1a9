# PURPOSE  Levels and comparisons with intervals, tests and equivalence; measures and decisions of the cramming study.
# INPUTS   results/{runs,conditions,methods}.parquet, documents/<id>/printed.yaml
# OUTPUTS  results/{summary,statistics}.parquet: an arm's level, a comparison a row; results/cramming{,_decisions}.parquet
# STEPS    summarise the held-out values over seeds, compare the learned arm with every other on paired seeds

# What is computed, drawn and said of finished rows follows these settings. Each rule after collect takes them from here,
# whether it prints them or computes with them, so that a changed margin runs all of them again.
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
    params:
        **JUDGING_PARAMS,
        code=content("statistics"),
        seed=config["seed"],
    message:
        "Comparing the arms"
    script:
        "../scripts/statistics.py"


# Both tables are there, and empty, where the config has no cramming.
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
        settings=canonical(
            {
                **{key: JUDGING[key] for key in ("confidence", "resamples")},
                "predict_first": config["cramming"]["predict_first"],
                "models": cramming.shapes(config),
            }
        ),
        seed=config["seed"],
    message:
        "Measuring what was crammed"
    script:
        "../scripts/cramming_measures.py"
