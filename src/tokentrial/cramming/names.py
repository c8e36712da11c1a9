"""Names that cramming jobs and the measures of their rows share; a job's code does not include the measures."""

GROWN = "warm_start"  # a metric of progressive arms alone: whether a text started from the one without its last token
