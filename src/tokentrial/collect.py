"""One table from many: the rows of all training jobs, checked and in a fixed order."""

from collections.abc import Sequence

import pyarrow as pa

from tokentrial import results


def collect(inputs: Sequence[str], output: str, schema: pa.Schema) -> None:
    """Concatenate result files of one schema, in the order given; raises InputError that names an unreadable one."""
    results.write(output, pa.concat_tables([results.read(path, schema) for path in inputs]).replace_schema_metadata({}))
