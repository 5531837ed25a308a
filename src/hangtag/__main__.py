"""The entry point of ``hangtag`` and of ``python -m hangtag``."""

import sys


def main() -> None:
    """Runs the command line; Ctrl-C while it is still being imported exits with 130 too."""
    try:
        from hangtag.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
