"""A run as a folder of pages that open without a server and without a network (docs/site.md)."""
