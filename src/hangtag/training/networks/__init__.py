"""The networks: a file each, chosen by the ``kind`` in a recipe; or a user's own module."""

from hangtag.images.spec import ImageSpec
from hangtag.training.networks.base import Features, Network, build_registered
from hangtag.training.networks.compact import CompactNet
from hangtag.training.networks.custom import CustomNet, CustomNetwork, NetworkSource
from hangtag.training.networks.lite import LiteNet
from hangtag.training.networks.seed import SeedNet
from hangtag.training.networks.tiny import TinyNet
from hangtag.training.recipes.schema import Recipe

__all__ = [
    "CompactNet",
    "CustomNet",
    "Features",
    "LiteNet",
    "Network",
    "NetworkSource",
    "SeedNet",
    "TinyNet",
    "build_network",
]


def build_network(
    recipe: Recipe,
    *,
    classes: int,
    spec: ImageSpec | None = None,
    source: NetworkSource | None = None,
) -> Network:
    """Builds the network of `recipe` with random weights.

    Args:
        recipe: Chooses the network and its sizes.
        classes: K, at least 2.
        spec: Size of the images; by default that of the recipe.
        source: The module, class or factory itself, where the recipe names one of the user's own.

    Raises:
        TrainingError: The user's own network cannot be built, or does not return logits.
    """
    spec = spec or recipe.images.spec
    if source is not None and isinstance(recipe.network, CustomNetwork):
        return CustomNet(recipe.network, classes=classes, spec=spec, source=source)
    return build_registered(recipe.network, classes=classes, spec=spec)
