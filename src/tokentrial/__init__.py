"""tokentrial: claims about compressed token encodings, put on trial."""

__version__ = "0.2.0"
