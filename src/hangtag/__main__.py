"""The entry point of ``hangtag`` and of ``python -m hangtag``."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType


def main() -> None:
    """Runs the command line; Ctrl-C and SIGTERM exit with 130, from the first import on."""
    # A KeyboardInterrupt inside the import of an extension module can abort the process.
    _catch(lambda *_: os._exit(130))
    from hangtag.cli.main import main as run
    from hangtag.cli.streams import prepare_streams

    prepare_streams()
    _catch(signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _catch(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


if __name__ == "__main__":
    main()
