"""The networks, one a module, and the choice among them."""

from hangtag.training.networks.base import Network
from hangtag.training.networks.compact import CompactNet
from hangtag.training.networks.lite import LiteNet
from hangtag.training.networks.seed import SeedNet
from hangtag.training.networks.tiny import TinyNet
from hangtag.training.recipes.schema import Recipe

__all__ = ["CompactNet", "LiteNet", "Network", "SeedNet", "TinyNet", "build_network"]


def build_network(
    recipe: Recipe, *, classes: int, channels: int = 1, size: tuple[int, int] = (28, 28)
) -> Network:
    """Builds the network of `recipe` with fresh weights from torch's random numbers.

    Args:
        recipe: Decides the network and its sizes.
        classes: K, at least 2.
        channels: C of the images.
        size: H and W of the images.
    """
    if recipe.network.kind == "seed":
        return SeedNet(recipe.network, classes=classes, channels=channels, size=size)
    if recipe.network.kind == "tiny":
        return TinyNet(recipe.network, classes=classes, channels=channels)
    if recipe.network.kind == "lite":
        return LiteNet(recipe.network, classes=classes, channels=channels)
    return CompactNet(recipe.network, classes=classes, channels=channels)
