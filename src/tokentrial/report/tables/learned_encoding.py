"""The tables of the learned-encoding study, in the report's order."""

from collections.abc import Iterator, Mapping

from tokentrial.published import PublishedTable
from tokentrial.report import formats
from tokentrial.report.tables import document_000, document_001, document_002, seeds, significance
from tokentrial.report.tables.declared import heading
from tokentrial.report.tables.rows import data_name, head_name
from tokentrial.run.columns import Condition
from tokentrial.run.view import View


def build(view: View, printed: Mapping[str, PublishedTable]) -> Iterator[formats.Table]:
    """Returns the tables that the study's file does not declare.

    view: the study's results alone; printed: every table of the documents by name.
    """
    yield document_000.accuracy(view, printed["doc000-accuracy"])
    yield document_000.parameters(view, printed["doc000-parameters"])
    yield significance.summary(view, printed)
    yield document_001.compression(view, printed["doc001-compression"])
    yield document_001.vocabulary(view, printed["doc001-vocabulary"])
    yield document_001.complexity(view, printed["doc001-complexity"])
    yield document_001.baselines(view, printed["doc001-baselines"])
    yield document_002.proof_of_concept(view, printed["doc002-proof-of-concept"])
    yield seeds.power(view, printed)


@heading("learned_encoding")
def title_of(view: View, condition: Condition) -> str:
    """``Compression ratios (001): 8:1, Zipf chain, V = 100``."""
    return f"{condition.title}: {name_of(view, condition)}"


def name_of(view: View, condition: Condition) -> str:
    """What tells a condition from the others of its experiment."""
    others = view.select(experiment=condition.experiment, way="done-right")
    several = {name: len({getattr(other, name) for other in others}) > 1 for name in ("ratio", "head")}
    same_source = len({(other.source, other.vocab_size) for other in others}) < len({other.data for other in others})
    parts = [f"{condition.ratio}:1" if several["ratio"] else ""]
    parts.append(str(condition.data) if same_source else data_name(condition))
    parts.append(head_name(condition) if several["head"] else "")
    return ", ".join(part for part in parts if part)
