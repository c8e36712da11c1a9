"""A study of one's own in one file: turned into a config, a document with its claims, and a folder for its run."""
