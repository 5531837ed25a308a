"""An export that is not the trained network is refused."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from hangtag.datasets import Dataset
from hangtag.errors import TrainingError
from hangtag.training import packaging
from hangtag.training.export import Exportable, check_export, export_onnx
from hangtag.training.networks import build_network
from hangtag.training.ood import fit_ood_score
from hangtag.training.packaging import package_model
from hangtag.training.plan import TrainingRequest, plan_training
from hangtag.training.preprocessing import Normalisation
from hangtag.training.recipes import Recipe, load_recipe
from tests.tiny import make_split, tiny_recipe

CLASSES = ("wide", "tall", "square")
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)


def make_model(recipe: Recipe, *, seed: int = 0) -> Exportable:
    torch.manual_seed(seed)
    network, normalisation = build_network(recipe, classes=3).eval(), Normalisation(0.3, 0.35)
    ood_score = fit_ood_score(network, normalisation, make_split(30, classes=3, seed=seed))
    return Exportable(network, normalisation, ood_score).eval()


@pytest.fixture(scope="module")
def model() -> Exportable:
    return make_model(tiny_recipe())


@pytest.fixture(scope="module")
def content(model: Exportable) -> bytes:
    return export_onnx(model, pixels=PIXELS, classes=CLASSES)


def test_the_graph_takes_any_batch_of_pixels_and_gives_its_three_answers(
    content: bytes, model: Exportable
) -> None:
    session = onnxruntime.InferenceSession(content)
    (pixels,) = session.get_inputs()
    assert (pixels.name, pixels.type, pixels.shape[1:]) == ("pixels", "tensor(uint8)", [28, 28, 1])
    for count in (1, 3, 9):
        batch = np.resize(PIXELS, (count, 28, 28, 1))
        logits, embedding, strange = session.run(None, {"pixels": batch})
        with torch.no_grad():
            expected = model(torch.from_numpy(batch))
        np.testing.assert_allclose(logits, expected[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(embedding, expected[1].numpy(), atol=1e-4)
        np.testing.assert_allclose(strange, expected[2].numpy(), rtol=1e-3, atol=1e-2)


def test_the_file_stands_alone_and_names_its_classes(content: bytes) -> None:
    graph = onnx.load_from_string(content)
    assert not any(tensor.external_data for tensor in graph.graph.initializer)
    assert {p.key: p.value for p in graph.metadata_props}["classes"] == "wide\ntall\nsquare"


def test_the_file_does_not_tell_where_it_was_made(content: bytes) -> None:
    assert b".py" not in content
    assert str(Path.home()).encode() not in content


def test_the_seeds_network_exports() -> None:
    model = make_model(load_recipe("seed"))
    session = onnxruntime.InferenceSession(export_onnx(model, pixels=PIXELS, classes=CLASSES))
    assert session.run(["embedding"], {"pixels": PIXELS})[0].shape == (4, 128)


def test_another_network_is_refused(content: bytes) -> None:
    other = make_model(tiny_recipe(), seed=1)
    with pytest.raises(TrainingError, match="differs from the trained network"):
        check_export(content, other, PIXELS)


def test_another_normalisation_is_refused(content: bytes, model: Exportable) -> None:
    skewed = Exportable(model.network, Normalisation(0.31, 0.35), model.ood_score).eval()
    with pytest.raises(TrainingError, match="differs from the trained network"):
        check_export(content, skewed, PIXELS)


def test_a_refused_export_writes_nothing(
    shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    def export_another(model: Exportable, *, pixels: np.ndarray, classes: object) -> bytes:
        check_export(content, model, pixels)
        return content

    monkeypatch.setattr(packaging, "export_onnx", export_another)
    plan = plan_training(TrainingRequest(shapes, recipe=tiny_recipe()))
    with pytest.raises(TrainingError, match="nothing was written"):
        package_model(
            tmp_path / "model",
            make_model(tiny_recipe(), seed=1).network,
            Normalisation(0.3, 0.35),
            plan=plan,
        )
    assert list(tmp_path.iterdir()) == []
