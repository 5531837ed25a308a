"""The entry point of ``hangtag`` and of ``python -m hangtag``."""

import os
import signal
import sys


def main() -> None:
    """Runs the command line; Ctrl-C exits with 130, from the first import on."""
    # A KeyboardInterrupt inside the import of an extension module can abort the process.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from hangtag.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
