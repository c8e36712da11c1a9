"""``python -m tokentrial``, the same as the command ``tokentrial``."""

from tokentrial.cli.main import main

main()
