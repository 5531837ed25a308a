"""Runs the command line: ``python -m hangtag``."""

from hangtag.cli.main import main

if __name__ == "__main__":
    main()
