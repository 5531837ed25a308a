"""A user's own network: trained, exported and verified like the built-in ones."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from hangtag import load, train
from hangtag.datasets import Dataset, ExportFormat, export_dataset
from hangtag.errors import TrainingError
from hangtag.images.spec import ImageSpec
from hangtag.models.folder import read_card
from hangtag.training.networks.custom import CustomNet, CustomNetwork, import_source, name_source
from hangtag.training.plan import TrainingRequest, plan_training
from hangtag.training.run_folder import RunFolder
from hangtag.training.train import fit
from tests.tiny import Run

SMALL = ImageSpec(28, 28, 1)


class Perceptron(nn.Module):
    """Flattens the image with view(), as many tutorials do."""

    def __init__(self, classes: int, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels * size[0] * size[1], 24)
        self.fc = nn.Linear(24, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(torch.relu(self.hidden(images.view(images.shape[0], -1))))
        return logits


class SmallTransformer(nn.Module):
    """Patches of 7x7 as tokens, one encoder layer, a head on their mean."""

    def __init__(self, classes: int, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, 16, 7, stride=7)
        self.place = nn.Parameter(torch.zeros(1, (size[0] // 7) * (size[1] // 7), 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(16, classes)

    def forward_features(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.patches(images).flatten(2).transpose(1, 2) + self.place
        features: Tensor = self.encoder(tokens)  # (B, 16, 16)
        return features

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.forward_features(images).mean(dim=1))
        return logits


def make_perceptron(classes: int, channels: int, size: tuple[int, int]) -> nn.Module:
    return Perceptron(classes, channels, size)


def wrap(source: type[nn.Module] | nn.Module, *, classes: int = 3) -> CustomNet:
    settings = CustomNetwork(factory=name_source(source))
    return CustomNet(settings, classes=classes, spec=SMALL, source=source)


@pytest.mark.parametrize("make", [Perceptron, SmallTransformer])
def test_a_class_learns_is_exported_and_verified(
    shapes: Dataset, tmp_path: Path, make: type[nn.Module]
) -> None:
    result = train(
        shapes,
        recipe="express",
        out=tmp_path / "run",
        network=make,
        epochs=12,
        batch_size=16,
        optimiser={"learning_rate": 0.01},
    )
    assert result is not None
    assert result.evaluations["test"].accuracy > 0.8
    assert read_card(tmp_path / "run" / "model").lineage.settings["network"] == {
        "kind": "custom",
        "factory": f"{__name__}:{make.__name__}",
    }
    model = load(tmp_path / "run")
    images = shapes.splits["test"].images
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert np.median(model.run(noise).ood_scores) > np.median(model.run(images).ood_scores)


def test_a_factory_learns_and_its_import_path_is_kept(shapes: Dataset, tmp_path: Path) -> None:
    """Its network is exported and verified as that of a class."""
    run = RunFolder(tmp_path / "run")
    settings = {"epochs": 12, "batch_size": 16, "optimiser": {"learning_rate": 0.01}}
    request = TrainingRequest(
        shapes, recipe="express", settings=settings, network=make_perceptron, out=run.path
    )
    trainer = fit(plan_training(request), run)
    assert trainer.history[-1].val_accuracy > 0.8
    network = run.read_recipe().network
    assert isinstance(network, CustomNetwork)
    assert network.factory == f"{__name__}:make_perceptron"


def test_a_module_is_copied_and_its_weights_are_the_first(shapes: Dataset, tmp_path: Path) -> None:
    module = Perceptron(3, 1, (28, 28))
    before = module.fc.weight.detach().clone()
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 16, "optimiser": {"learning_rate": 1e-9}}
    train(shapes, recipe="express", out=tmp_path / "run", network=module, **settings)
    assert torch.equal(module.fc.weight, before)
    session = onnxruntime.InferenceSession(tmp_path / "run" / "model" / "model.onnx")
    pixels = shapes.splits["test"].images[:5, ..., None]
    (embedding,) = session.run(["embedding"], {"pixels": pixels})
    assert embedding.shape == (5, 24)
    assert not hasattr(load(tmp_path / "run"), "module")


def test_it_resumes_and_is_fine_tuned_by_its_import_path(shapes: Dataset, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"batch_size": 16, "schedule": {"kind": "exponential"}}
    run = tmp_path / "run"
    settings["epochs"] = 1
    request = TrainingRequest(
        shapes, recipe="express", settings=settings, network=Perceptron, out=run
    )
    fit(plan_training(request), RunFolder(run))
    resumed = train(shapes, out=run, resume=True, epochs=2)
    assert resumed is not None
    assert len(resumed.history) == 2
    tuned = train(shapes, init_from=run, out=tmp_path / "tuned", epochs=21)
    assert tuned is not None
    assert tuned.evaluations["test"].accuracy > 0.8


def test_the_shell_trains_a_class_in_the_current_folder(
    hangtag: Run, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_networks.py").write_text(
        "from torch import nn\n\n\n"
        "class Mine(nn.Sequential):\n"
        "    def __init__(self, classes, channels, size):\n"
        "        width = channels * size[0] * size[1]\n"
        "        super().__init__(nn.Flatten(), nn.Linear(width, 8), nn.ReLU(),"
        " nn.Linear(8, classes))\n",
    )
    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    monkeypatch.chdir(tmp_path)
    words = ["network=my_networks:Mine", "epochs=2", "batch_size=16"]
    outcome = hangtag("train", "data", *words, "--out", "run")
    assert outcome.code == 0, outcome.err
    outcome = hangtag("train", "data", "--set", "network=my_networks:Other", "--out", "other")
    assert outcome.code == 2
    assert "cannot import my_networks:Other" in outcome.err


def test_the_embedding_is_the_input_of_the_last_layer_or_the_mean_of_the_features() -> None:
    images = torch.rand(4, 1, 28, 28)
    perceptron, transformer = (wrap(source).eval() for source in (Perceptron, SmallTransformer))
    assert perceptron.last_layer == "module.fc"
    assert transformer.last_layer == "module.head"
    for network, width in ((perceptron, 24), (transformer, 16)):
        logits, features = network.forward_all(images)
        assert features.embedding.shape == (4, width)
        torch.testing.assert_close(network.classify(features.embedding), logits)
        torch.testing.assert_close(network(images), logits)


def test_a_convolutional_classifier_without_a_linear_layer_has_an_embedding() -> None:
    layers = nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 3, 1), nn.AdaptiveAvgPool2d(1)
    network = wrap(nn.Sequential(*layers, nn.Flatten()))
    assert network.embed(torch.rand(2, 1, 28, 28)).shape == (2, 6)
    with pytest.raises(TrainingError, match="does not end in a linear layer"):
        network.classify(torch.rand(2, 6))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Flatten(), r"must return logits of shape \(B, 3\)"),
        (nn.Linear(5, 3), "fails on images of shape"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(784, 3), nn.Softmax(dim=1)),
            "returns probabilities; return logits",
        ),
    ],
    ids=["shape", "error", "softmax"],
)
def test_what_is_no_classifier_of_these_images_is_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        wrap(module)


def test_a_network_that_cannot_be_found_is_one_clear_line() -> None:
    with pytest.raises(TrainingError, match="cannot import no_such_module:Net"):
        import_source("no_such_module:Net")
    with pytest.raises(TrainingError, match="is neither a class nor a function"):
        import_source(f"{__name__}:SMALL")


def test_a_network_of_one_batch_size_is_refused_before_the_first_step(
    shapes: Dataset, tmp_path: Path
) -> None:
    class Fixed(Perceptron):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images[: len(images)].reshape(len(images), 1, 28, 28))

    with pytest.raises(TrainingError, match=r"cannot be exported to ONNX"):
        train(shapes, recipe="express", out=tmp_path / "run", network=Fixed(3, 1, (28, 28)))
    assert not (tmp_path / "run" / "checkpoints").exists()
