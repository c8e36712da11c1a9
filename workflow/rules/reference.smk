# PURPOSE  Judge the shipped run again without training; compare a finished run with the shipped run.
# INPUTS   results/reference/*.parquet, the shipped run; results/*.parquet of a finished run at any scale
# OUTPUTS  results/reference_report/ (as results/ after collect), results/reference_tables/, results/compare_reference.*
# STEPS    take the shipped rows if the config trains the same models, run every rule after collect; or compare two runs

from tokentrial import shipped

SHIPPED = source("results/reference")
JUDGED_AGAIN = "results/reference_report"


# The only step that differs from those of a run: rows are copied, not collected.
rule reference_rows:
    input:
        runs=f"{SHIPPED}/runs.parquet",
        arms=f"{SHIPPED}/arms.parquet",
        record=f"{SHIPPED}/corpus.json",
        default=source("config/config.yaml"),
        code=code_of("reference_rows"),
    output:
        runs=f"{JUDGED_AGAIN}/runs.parquet",
        arms=f"{JUDGED_AGAIN}/arms.parquet",
        record=f"{JUDGED_AGAIN}/data/corpus/corpus.json",
    log:
        "logs/reference_rows.log",
    localrule: True
    params:
        code=content("reference_rows"),
        config=lambda wildcards: canonical(config),  # a function, since a title may hold what looks like a wildcard
        studies=STUDIES,
        designs=hashlib.sha256(canonical([file.design for file in STUDY_FILES.values()]).encode()).hexdigest(),
    message:
        "Taking the rows of the shipped run"
    script:
        "../scripts/reference_rows.py"


use rule conditions as reference_conditions with:
    input:
        **moved(rules.conditions.input, JUDGED_AGAIN),
    output:
        **moved(rules.conditions.output, JUDGED_AGAIN),
    log:
        "logs/reference_conditions.log",
    params:
        plan=lambda wildcards, input: shipped_run.plan(shipped_run.jobs(judged_again(), ROOT), judged_again()),
        plan_digest=lambda wildcards: hashlib.sha256(canonical(judged_again()).encode()).hexdigest(),
        studies=lambda wildcards, input: {
            study: study_files.names(judged_again(), STUDY_FILES)[study] for study in STUDIES
        },
        studies_digest=lambda wildcards: hashlib.sha256(
            repr(sorted(study_files.names(judged_again(), STUDY_FILES).items())).encode()
        ).hexdigest(),
    message:
        "Describing the conditions and arms of the shipped run"


use rule statistics as reference_statistics with:
    input:
        **moved(rules.statistics.input, JUDGED_AGAIN),
    output:
        **moved(rules.statistics.output, JUDGED_AGAIN),
    log:
        "logs/reference_statistics.log",
    message:
        "Comparing the arms of the shipped run"


use rule cramming_measures as reference_cramming_measures with:
    input:
        **moved(rules.cramming_measures.input, JUDGED_AGAIN),
    output:
        **moved(rules.cramming_measures.output, JUDGED_AGAIN),
    log:
        "logs/reference_cramming_measures.log",
    message:
        "Measuring what the shipped run crammed"


use rule verdicts as reference_verdicts with:
    input:
        **moved(rules.verdicts.input, JUDGED_AGAIN),
    output:
        **moved(rules.verdicts.output, JUDGED_AGAIN),
    log:
        "logs/reference_verdicts.log",
    params:
        designs=lambda wildcards: canonical(frozen.designs(judged_again(), digest(rates.FILE))),
    message:
        "Judging the claims by the shipped rows"


use rule sensitivity as reference_sensitivity with:
    input:
        **moved(rules.sensitivity.input, JUDGED_AGAIN),
    output:
        **moved(rules.sensitivity.output, JUDGED_AGAIN),
    log:
        "logs/reference_sensitivity.log",
    message:
        "Judging the claims by the shipped rows and other choices"


use rule tables as reference_report_tables with:
    input:
        **moved(rules.tables.input, JUDGED_AGAIN),
    output:
        **moved(rules.tables.output, JUDGED_AGAIN),
    log:
        "logs/reference_report_tables.log",
    message:
        "Writing the tables of the shipped rows"


use rule figures as reference_figures with:
    input:
        **moved(rules.figures.input, JUDGED_AGAIN),
    output:
        **moved(rules.figures.output, JUDGED_AGAIN),
    log:
        "logs/reference_figures.log",
    message:
        "Drawing the figures of the shipped rows"


use rule report as reference_report with:
    input:
        **{name: path for name, path in moved(rules.report.input, JUDGED_AGAIN).items() if name != "shipped"},
    output:
        **moved(rules.report.output, JUDGED_AGAIN),
    log:
        "logs/reference_report.log",
    params:
        config=lambda wildcards: canonical(judged_again()),
        command="snakemake --cores 1 reference_report",
    message:
        "Writing the report of the shipped rows"


# Only the tables, in seconds: from the shipped tables if the config is the default, else from the rows judged again.
use rule tables as reference_tables with:
    input:
        **moved(rules.tables.input, SHIPPED if shipped.is_default(config) else JUDGED_AGAIN),
    output:
        **moved(rules.tables.output, "results/reference_tables", f"{RESULTS}/tables"),
    log:
        "logs/reference_tables.log",
    message:
        "Writing the tables of the shipped run"


# The rule checks existing files: it runs at every request, starts no run, and keeps its two files if it fails. So the
# tables are no inputs, and the two files are no outputs.
rule compare_reference:
    input:
        code=code_of("compare_reference"),
    log:
        "logs/compare_reference.log",
    localrule: True
    params:
        code=content("compare_reference"),
        run=RESULTS,
        reference=SHIPPED,
        json=f"{RESULTS}/compare_reference.json",
        text=f"{RESULTS}/compare_reference.md",
    message:
        "Comparing the run with the shipped one"
    script:
        "../scripts/compare_reference.py"
