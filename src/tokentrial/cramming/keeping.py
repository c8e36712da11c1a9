"""Facts about a model that several jobs of a run need, measured by the first of them and kept in a file.

The file's name is a digest of all that the facts depend on, so that another model, corpus, code or seed has another
file, and none is ever out of date. Two jobs that measure at the same time write the same bits.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokentrial import provenance
from tokentrial.results import whole_file


@dataclass(frozen=True)
class Keeping:
    """A folder of kept facts; identity: of the model, the corpus and the code. Without a folder, nothing is kept."""

    folder: str | None = None
    identity: str = ""

    def get(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        """Returns what ``make`` returns, as JSON holds it; key: what the facts depend on besides the identity."""
        if self.folder is None:
            return make()
        digest = provenance.digest(json.dumps([self.identity, name, key], sort_keys=True))
        path = Path(self.folder) / f"{name}-{digest}.json"
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError):  # none, or cut short by a full disk
            made = make()
        with whole_file(path) as file:
            file.write(json.dumps(made).encode())
        return made
