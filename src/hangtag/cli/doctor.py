"""``hangtag doctor``: what this machine has, and what is installed."""

from pathlib import Path

from hangtag.cli.console import Json, Quiet, print_json, print_table
from hangtag.datasets import cache_home
from hangtag.environment import EXTRAS, gpus, is_installed, memory, processor, versions
from hangtag.models.folder import shipped_models


def doctor(as_json: Json = False, quiet: Quiet = False) -> None:
    """Shows hardware, versions, installed extras, and where the cache is.

    \b
    For example:
      hangtag doctor --json
    """
    found = {
        "processor": processor(),
        "memory": memory(),
        "gpus": gpus(),
        "versions": versions(),
        "extras": {name: is_installed(name) for name in EXTRAS},
        "cache": str(cache_home()),
        "models": list(shipped_models()),
    }
    if as_json:
        print_json(found)
        return
    cards = [f"{gpu['name']}, {_gibibytes(int(gpu['memory']))}" for gpu in gpus()]
    extras = [f"{name}: {'yes' if is_installed(name) else 'no'}" for name in EXTRAS]
    rows = [
        ["processor", processor()],
        ["memory", _gibibytes(memory())],
        ["GPU", "; ".join(cards) or "none that PyTorch sees"],
        *([name, version] for name, version in versions().items()),
        ["extras", ", ".join(extras)],
        ["cache", str(cache_home()).replace(str(Path.home()), "~", 1)],
        ["models", ", ".join(shipped_models()) or "none"],
    ]
    print_table("", ["what", "here"], rows)


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
