"""From pixels to predictions through the exported model."""

from pathlib import Path

import numpy as np
import pytest

from hangtag.catalogue import Catalogue
from hangtag.categoriser import Categoriser
from hangtag.errors import DataError


@pytest.fixture(scope="module")
def categoriser(trained: Path) -> Categoriser:
    return Categoriser.load(trained)


def test_predictions_are_right_and_ordered(categoriser: Categoriser, shapes: Catalogue) -> None:
    split = shapes.splits["test"]
    predictions = categoriser.predict(split.images)
    names = [shapes.classes[label] for label in split.labels]
    right = [p.category == name for p, name in zip(predictions, names, strict=True)]
    assert np.mean(right) > 0.9
    for prediction in predictions:
        assert prediction.confidence >= prediction.runner_up_confidence
        assert prediction.category != prediction.runner_up
        assert prediction.decision in {"accept", "review", "unknown"}
        assert prediction.category_level == "class"


def test_beside_a_parent_stands_the_most_probable_class(fashion_mnist: Catalogue) -> None:
    images = fashion_mnist.splits["test"].images[:300]
    model = Categoriser.load("fashion-mnist")
    best = model.probabilities(model.answer(images)).argmax(axis=1)
    backed_off = [
        (prediction, model.classes[index])
        for prediction, index in zip(model.predict(images), best, strict=True)
        if prediction.category_level == "group"
    ]
    assert len(backed_off) > 5
    for prediction, name in backed_off:
        assert prediction.category in {"Upper body", "Shoes"}
        assert prediction.runner_up == name
        assert prediction.confidence > prediction.runner_up_confidence


def test_probabilities_sum_to_one(categoriser: Categoriser, shapes: Catalogue) -> None:
    probabilities = categoriser.probabilities(categoriser.answer(shapes.splits["test"].images))
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_batch_does_not_matter(categoriser: Categoriser, shapes: Catalogue) -> None:
    images = np.concatenate([shapes.splits["train"].images, shapes.splits["test"].images])
    together = categoriser.answer(images).logits
    one_by_one = np.concatenate([categoriser.answer(image[None]).logits for image in images[:20]])
    np.testing.assert_allclose(together[:20], one_by_one, atol=1e-4)
    np.testing.assert_array_equal(together, categoriser.answer(images[..., None]).logits)


def test_no_images_give_no_predictions(categoriser: Categoriser) -> None:
    assert categoriser.predict(np.zeros((0, 28, 28), np.uint8)) == []


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28), np.float32),
        np.zeros((2, 32, 32), np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((2, 28, 28, 3), np.uint8),
    ],
)
def test_other_images_are_refused(categoriser: Categoriser, images: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected images \(N, 28, 28\)"):
        categoriser.predict(images)


def test_the_trained_network_and_the_model_agree(
    categoriser: Categoriser, trained: Path, shapes: Catalogue
) -> None:
    """The exported file gives the logits of the weights beside it, 200 images, 1e-4."""
    import torch
    from safetensors.torch import load_file

    from hangtag.catalogue import split_catalogue
    from hangtag.training.export import Exportable
    from hangtag.training.networks import build_network
    from hangtag.training.preprocessing import Normalisation
    from hangtag.training.recipes import recipe_from_yaml
    from hangtag.training.strangeness import learn_strangeness

    recipe = recipe_from_yaml((trained / "recipe.yaml").read_text(), where="recipe")
    network = build_network(recipe, classes=3)
    network.load_state_dict(load_file(trained / "model" / "weights.safetensors"))
    train = split_catalogue(shapes, share=recipe.validation_share, seed=0).splits["train"]
    network.eval()
    normalisation = Normalisation.of(recipe, train.images)
    strangeness = learn_strangeness(network, normalisation, train)
    model = Exportable(network, normalisation, strangeness).eval()
    images = train.images[:200, ..., None]
    with torch.no_grad():
        logits, embedding, strange = model(torch.from_numpy(images))
    np.testing.assert_allclose(categoriser.answer(images).logits, logits.numpy(), atol=1e-4)
    assert embedding.shape == (200, 16)
    np.testing.assert_allclose(categoriser.answer(images).strangeness, strange, atol=1e-2)
