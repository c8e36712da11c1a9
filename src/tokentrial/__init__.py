"""tokentrial: claims about compressed token encodings, put on trial."""

__version__ = "0.1.0"
