"""Claims about compressed token encodings, put on trial.

Data flow: config -> conditions -> data -> train -> collect -> statistics -> claims -> figures, tables -> report.
A condition is one combination of settings; its id is the only wildcard. Rules are in workflow/rules, in the order they
run; the science is in src/tokentrial. Run `snakemake --cores all all`; config/README.md explains the config.
"""


configfile: str(workflow.current_basedir.join("config/config.yaml"))


# Built from workflow/envs/tokentrial.def; used with --software-deployment-method apptainer only.
container: "workflow/envs/tokentrial.sif"


include: "workflow/rules/places.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/language_models.smk"
include: "workflow/rules/cramming.smk"
include: "workflow/rules/real_model.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/site.smk"


rule all:
    default_target: True
    input:
        report="results/report.pdf",
        verdicts="results/verdicts.json",
        tables=TABLES,
        figures=FIGURES,
        provenance="results/provenance.json",
        study=STUDY_PAGE,
