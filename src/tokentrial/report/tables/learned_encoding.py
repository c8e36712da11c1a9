"""The tables of the learned-encoding study, in the report's order."""

from collections.abc import Iterator

from tokentrial.published import PublishedTable
from tokentrial.report import formats
from tokentrial.report.tables import document_000, document_001, document_002, listings, seeds, significance
from tokentrial.run.view import View


def build(view: View, printed: dict[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the study; view: its results alone; printed: config/published/learned_encoding.yaml."""
    yield document_000.accuracy(view, printed["doc000-accuracy"])
    yield document_000.parameters(view, printed["doc000-parameters"])
    yield significance.summary(view, printed)
    yield document_001.compression(view, printed["doc001-compression"])
    yield document_001.vocabulary(view, printed["doc001-vocabulary"])
    yield document_001.complexity(view, printed["doc001-complexity"])
    yield document_001.baselines(view, printed["doc001-baselines"])
    yield document_002.proof_of_concept(view, printed["doc002-proof-of-concept"])
    yield document_002.signal(view, printed["signal"])
    yield listings.levels(view)
    yield listings.comparisons(view)
    yield seeds.power(view, printed)
    yield listings.costs(view)
