"""The rules that judge empirical claims, by name: functions of a run's results and of a claim's reported numbers."""

from tokentrial.claims.catalogue import RULES
from tokentrial.claims.rules import comparisons, decided, frontier, mechanisms, persistence, progress
from tokentrial.claims.rules.results import Results

_REGISTERED = (comparisons, decided, frontier, mechanisms, persistence, progress)

__all__ = ["RULES", "Results"]
