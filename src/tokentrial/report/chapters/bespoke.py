"""Values of the chapter on the bespoke study (workflow/report/bespoke.typ)."""

from collections.abc import Mapping
from typing import Any

from tokentrial.report.tables.rows import Results

Values = dict[str, str]


def values(found: Results, config: Mapping[str, Any], published: str) -> Values:
    """Every placeholder of the chapter; found: the study's results alone; published: what its documents print."""
    return {}
