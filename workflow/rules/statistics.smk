# PURPOSE  Levels and comparisons with intervals, tests and equivalence.
# INPUTS   results/runs.parquet
# OUTPUTS  results/summary.parquet (an arm's level a row), results/statistics.parquet (a comparison a row)
# STEPS    summarise the held-out values over seeds, compare the learned arm with every other on paired seeds


rule statistics:
    input:
        runs="results/runs.parquet",
        code=modules(
            *[
                "statistics/tables",
                "statistics/comparison",
                "statistics/effect_size",
                "statistics/equivalence",
            ],
            *[
                "statistics/hypothesis_tests",
                "statistics/intervals",
                "statistics/multiplicity",
                "statistics/power",
            ],
            *["statistics/samples", "statistics/superiority", "results", "seeds"],
        ),
    output:
        summary="results/summary.parquet",
        statistics="results/statistics.parquet",
    log:
        "logs/statistics.log",
    localrule: True
    params:
        settings=canonical({**config["statistics"], "margins": {"wikitext2": config["wikitext2"]["margins"]}}),
        seed=config["seed"],
    message:
        "Comparing the arms"
    script:
        "../scripts/statistics.py"
