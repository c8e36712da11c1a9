"""Where a draft finds relations of printed numbers: in tables, in lines of text, and in both from a PDF."""
