"""EfficientNet-Lite0 against the program that its weights were published with.

``lite0_logits.json`` holds what the package ``efficientnet-lite-pytorch`` 0.1.0 says of three
sample images of scikit-image, resized to 224x224 by Pillow's bicubic filter: the most probable of
ImageNet's classes (285 Egyptian cat, 967 espresso, 540 drilling platform under the rocket) and
every tenth logit.
"""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from hangtag.environment import EXTRAS, is_installed
from hangtag.errors import MissingExtraError, TrainingError
from hangtag.images.spec import PHOTO_SPEC, ImageSpec
from hangtag.training.networks import LiteNet, lite
from hangtag.training.networks.lite import LiteNetwork
from hangtag.training.networks.norms import Norm

GOLDEN = json.loads((Path(__file__).parent / "lite0_logits.json").read_text(encoding="utf-8"))

needs_weights = pytest.mark.skipif(
    not is_installed("photo"), reason="the photo extra is not installed"
)


def make_lite(*, classes: int = 5, channels: int = 3, **settings: float) -> LiteNet:
    small = {"pretrained": False, "width": 0.25, "depth": 0.3, **settings}
    return LiteNet(
        LiteNetwork.model_validate(small),
        classes=classes,
        spec=ImageSpec(224, 224, channels),
    )


def read_sample(name: str) -> Tensor:
    file = resources.files("skimage.data").joinpath(name)
    with resources.as_file(file) as path, Image.open(path) as image:
        small = image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float()
    return (pixels - 127) / 128


@needs_weights
@pytest.mark.parametrize("name", GOLDEN)
def test_published_weights_say_what_they_said_when_published(name: str) -> None:
    network = LiteNet(LiteNetwork(), classes=1000, spec=PHOTO_SPEC).eval()
    images = read_sample(name)
    network.initialise(images)
    with torch.no_grad():
        logits = network(images)[0]
    assert int(logits.argmax()) == GOLDEN[name]["top"]
    expected = torch.tensor(GOLDEN[name]["every_tenth"])
    torch.testing.assert_close(logits[::10], expected, atol=1e-3, rtol=0)


@needs_weights
def test_a_last_layer_of_other_classes_stays_fresh() -> None:
    network = LiteNet(LiteNetwork(), classes=7, spec=PHOTO_SPEC)
    head, stem = network.head.weight.clone(), network.get_parameter("stem.0.weight").clone()
    network.initialise(torch.zeros(1, 3, 32, 32))
    assert network.head.weight.equal(head)
    assert not network.get_parameter("stem.0.weight").equal(stem)


@needs_weights
def test_weights_of_another_hash_are_refused(tmp_path: Path) -> None:
    content = bytearray(lite.find_published().read_bytes())
    content[5000] ^= 1
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(TrainingError, match=r"weights\.pth is not the file .* install the package"):
        lite.read_published(tmp_path / "weights.pth")
    with pytest.raises(TrainingError, match=r"cannot read the published weights .*gone\.pth"):
        lite.read_published(tmp_path / "gone.pth")


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "photo", ("no_such_package_of_weights",))
    with pytest.raises(MissingExtraError, match="needs the extra 'photo'"):
        LiteNet(LiteNetwork(), classes=7, spec=PHOTO_SPEC).initialise(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 47), (28, 28)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_and_number_of_channels(height: int, width: int, channels: int) -> None:
    network = make_lite(channels=channels).eval()
    images = torch.rand(2, channels, height, width)
    embeddings = network.embed(images)
    assert embeddings.shape == (2, 320)
    torch.testing.assert_close(network(images), network.classify(embeddings))


def test_a_stride_of_two_halves_and_rounds_up() -> None:
    stem = make_lite().stem
    for length in (31, 32, 33):
        assert stem(torch.rand(2, 3, length, length)).shape[2:] == ((length + 1) // 2,) * 2


def test_statistics_of_published_weights_stay_and_fresh_ones_move() -> None:
    network = make_lite()
    for is_published in (True, False):
        network.pretrained = is_published
        network.train()
        norm = next(module for module in network.modules() if isinstance(module, Norm))
        before = norm.running_mean.clone()
        network(torch.rand(4, 3, 32, 32))
        assert norm.running_mean.equal(before) == is_published
