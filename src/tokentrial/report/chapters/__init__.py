"""Values for the placeholders of each chapter of the report."""
