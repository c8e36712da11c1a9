"""The rules that judge empirical claims: name -> function(results, reported, **parameters) -> Finding.

A rule is a documented function of the results of a run; a claim's entry names it and gives its parameters. ``reported``
is the claim's mapping of printed numbers, as text. Nothing is ever evaluated.
"""

from collections.abc import Callable, Mapping

from tokentrial.claims.rules.comparisons import needs_study, not_worse, superior
from tokentrial.claims.rules.decided import as_decided
from tokentrial.claims.rules.frontier import better_for_its_size, on_front
from tokentrial.claims.rules.mechanisms import from_relationships, no_better_than_random
from tokentrial.claims.rules.persistence import persists
from tokentrial.claims.rules.progress import faster, grows
from tokentrial.claims.rules.results import Results
from tokentrial.claims.verdict import Finding

RULES: Mapping[str, Callable[..., Finding]] = {
    "superior": superior,
    "not_worse": not_worse,
    "persists": persists,
    "on_front": on_front,
    "better_for_its_size": better_for_its_size,
    "from_relationships": from_relationships,
    "no_better_than_random": no_better_than_random,
    "faster": faster,
    "grows": grows,
    "as_decided": as_decided,
    "needs_study": needs_study,
}

__all__ = ["RULES", "Results"]
