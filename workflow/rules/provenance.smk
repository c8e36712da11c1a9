# PURPOSE  Record the origin of every file of a finished run, and pack the run so that it can be published.
# INPUTS   the final files, Snakemake's records and the benchmarks of the jobs
# OUTPUTS  results/provenance.json; on request, results/crate.zip
# STEPS    go back from the final files to the jobs that made them; add checksums, versions, hardware; pack as RO-Crate

from tokentrial import provenance as origins
from tokentrial.publish.crate import files as packed


# The record ends with the last job before this one, since a job cannot see its own end.
rule provenance:
    input:
        final=lambda wildcards: [path for path in rules.all.input if path != f"{RESULTS}/provenance.json"],
        code=code_of("provenance", "provenance"),
    output:
        json="results/provenance.json",
    log:
        "logs/provenance.log",
    localrule: True
    params:
        code=content("provenance"),
        config=lambda wildcards: canonical(config),  # a function, since a title may hold what looks like a wildcard
        specs=lambda wildcards: canonical(
            sorted(
                {
                    origins.digest(canonical(spec))
                    for jobs in (SCRIPTS, CONDITIONS, LANGUAGE_MODELS, CRAMMED, REAL_MODEL)
                    for spec in jobs.values()
                }
            )
        ),
    message:
        "Recording where the results come from"
    script:
        "../scripts/provenance.py"


rule crate:
    input:
        final=lambda wildcards: [path for path in rules.all.input if path != f"{RESULTS}/provenance.json"],
        provenance="results/provenance.json",
        code=code_of("crate"),
    output:
        zip="results/crate.zip",
    log:
        "logs/crate.log",
    localrule: True
    params:
        code=content("crate"),
        config=lambda wildcards: canonical(config),  # a function, since a title may hold what looks like a wildcard
        sources=lambda wildcards: digest(*packed.sources(packed.Project(Path()))),
    message:
        "Packing the run"
    script:
        "../scripts/crate.py"
