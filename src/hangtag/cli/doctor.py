"""``hangtag doctor``: what this machine has, and what is installed."""

from dataclasses import asdict

from hangtag.cli.console import Json, Quiet, print_json, print_table
from hangtag.datasets import cache_home
from hangtag.environment import EXTRAS, gpus, is_installed, memory, processor, versions
from hangtag.errors import OutputError
from hangtag.models.folder import shipped_models


def doctor(as_json: Json = False, quiet: Quiet = False) -> None:
    """Shows the hardware, versions, installed extras and the cache folder.

    \b
    For example:
      hangtag doctor --json
    """
    cards, models = gpus(), list(shipped_models())
    extras = {name: is_installed(name) for name in EXTRAS}
    if as_json:
        print_json(
            {
                "processor": processor(),
                "memory": memory(),
                "gpus": [asdict(card) for card in cards],
                "versions": versions(),
                "extras": extras,
                "cache": _describe_cache(),
                "models": models,
            }
        )
        return
    names = [f"{card.name}, {_gibibytes(card.memory)}" for card in cards]
    installed = [f"{name}: {'yes' if found else 'no'}" for name, found in extras.items()]
    rows = [
        ["processor", processor()],
        ["memory", _gibibytes(memory())],
        ["GPU", "; ".join(names) or "none that PyTorch sees"],
        *([name, version] for name, version in versions().items()),
        ["extras", ", ".join(installed)],
        ["cache", _describe_cache()],
        ["models", ", ".join(models) or "none"],
    ]
    print_table("", ["what", "here"], rows)


def _describe_cache() -> str:
    """Returns the cache folder, or why there is none."""
    try:
        return str(cache_home())
    except OutputError as error:
        return str(error)


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
