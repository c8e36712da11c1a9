"""The tables of the learned-encoding study, in the report's order."""

from collections.abc import Iterator

from tokentrial.report import formats
from tokentrial.report.published import PublishedTable
from tokentrial.report.tables import document_000, document_001, document_002, listings, rows, seeds, significance


def build(found: rows.Results, printed: dict[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the study; found: its results alone; printed: config/published/learned_encoding.yaml."""
    yield document_000.accuracy(found, printed["doc000-accuracy"])
    yield document_000.parameters(found, printed["doc000-parameters"])
    yield significance.summary(found, printed)
    yield document_001.compression(found, printed["doc001-compression"])
    yield document_001.vocabulary(found, printed["doc001-vocabulary"])
    yield document_001.complexity(found, printed["doc001-complexity"])
    yield document_001.baselines(found, printed["doc001-baselines"])
    yield document_002.proof_of_concept(found, printed["doc002-proof-of-concept"])
    yield document_002.signal(found, printed["signal"])
    yield listings.levels(found)
    yield listings.comparisons(found)
    yield seeds.power(found, printed)
    yield listings.costs(found)
