"""Names for readers of conditions on synthetic data."""

from tokentrial.run.columns import Condition
from tokentrial.run.view import View

HEADS = {"mean_pool": "mean pooling", "window_mlp": "window MLP", "token_mlp": "token MLP"}
SOURCES = {"patterns": "patterns", "zipf_markov": "Zipf chain", "markov": "Markov chain"}


def head_name(condition: Condition) -> str:
    """The small task model, for readers."""
    head = condition.head or ""
    return HEADS.get(head, head.replace("_", " "))


def data_name(condition: Condition) -> str:
    """The synthetic data, for readers: ``Zipf chain, V = 100``."""
    source = condition.source or ""
    return f"{SOURCES.get(source, source)}, V = {condition.vocab_size or 0:,}"


def name_among(view: View, condition: Condition) -> str:
    """What tells a condition from the others of its experiment done right."""
    others = view.select(experiment=condition.experiment, way="done-right")
    several = {name: len({getattr(other, name) for other in others}) > 1 for name in ("ratio", "head")}
    same_source = len({(other.source, other.vocab_size) for other in others}) < len({other.data for other in others})
    parts = [f"{condition.ratio}:1" if several["ratio"] else ""]
    parts.append(str(condition.data) if same_source else data_name(condition))
    parts.append(head_name(condition) if several["head"] else "")
    return ", ".join(part for part in parts if part)


def name_beside(condition: Condition, others: list[Condition]) -> str:
    """``, mean pooling, Zipf chain, V = 100``: what tells it from others that stand beside the same printed row."""
    parts = [""]
    if len({other.head for other in others}) > 1:
        parts.append(head_name(condition))
    if len({other.data for other in others if other.ratio == condition.ratio}) > 1:
        parts.append(data_name(condition))
    return ", ".join(parts)
