"""``python -m tokentrial``, the same as the command ``tokentrial``."""

import sys

STOPPED = 130  # exit code after Ctrl-C, as of a shell


def main() -> None:
    """Runs the command; Ctrl-C while its modules are read ends it in one line, too."""
    try:
        from tokentrial.cli.main import main as command

        command()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
