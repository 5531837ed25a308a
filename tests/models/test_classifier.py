"""From pixels to predictions through the exported model."""

from pathlib import Path

import numpy as np
import pytest

from hangtag.datasets import Dataset
from hangtag.decisions.policy import Decision
from hangtag.errors import DataError
from hangtag.models.classifier import Classifier


@pytest.fixture(scope="module")
def classifier(trained: Path) -> Classifier:
    return Classifier.load(trained)


def test_predictions_are_right_and_ordered(classifier: Classifier, shapes: Dataset) -> None:
    split = shapes.splits["test"]
    predictions = classifier.predict(split.images)
    names = [shapes.classes[label] for label in split.labels]
    right = [p.category == name for p, name in zip(predictions, names, strict=True)]
    assert np.mean(right) > 0.9
    for prediction in predictions:
        assert prediction.confidence >= prediction.runner_up_confidence
        assert prediction.category != prediction.runner_up
        assert prediction.decision in {"accept", "review", "unknown"}
        assert (prediction.parent, prediction.parent_confidence) == ("", None)


def test_the_category_is_the_most_probable_class_beside_a_parent_too(
    fashion_mnist: Dataset,
) -> None:
    images = fashion_mnist.splits["test"].images[:300]
    model = Classifier.load("fashion-mnist")
    best = model.calibrate(model.run(images).logits).argmax(axis=1)
    of_parent = [
        (prediction, model.classes[index])
        for prediction, index in zip(model.predict(images), best, strict=True)
        if prediction.decision == Decision.PARENT
    ]
    assert len(of_parent) > 5
    for prediction, name in of_parent:
        assert prediction.parent in {"Upper body", "Shoes", "Clothing"}
        assert prediction.category == name != prediction.runner_up
        assert prediction.parent_confidence is not None
        assert prediction.parent_confidence > prediction.confidence
        assert prediction.confidence > prediction.runner_up_confidence


def test_probabilities_sum_to_one(classifier: Classifier, shapes: Dataset) -> None:
    probabilities = classifier.calibrate(classifier.run(shapes.splits["test"].images).logits)
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_batch_does_not_matter(classifier: Classifier, shapes: Dataset) -> None:
    images = np.concatenate([shapes.splits["train"].images, shapes.splits["test"].images])
    together = classifier.run(images).logits
    one_by_one = np.concatenate([classifier.run(image[None]).logits for image in images[:20]])
    np.testing.assert_allclose(together[:20], one_by_one, atol=1e-4)
    np.testing.assert_array_equal(together, classifier.run(images[..., None]).logits)


def test_no_images_give_no_predictions(classifier: Classifier) -> None:
    assert classifier.predict(np.zeros((0, 28, 28), np.uint8)) == []


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28), np.float32),
        np.zeros((2, 32, 32), np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((2, 28, 28, 3), np.uint8),
    ],
)
def test_other_images_are_refused(classifier: Classifier, images: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected images \(N, 28, 28\)"):
        classifier.predict(images)


def test_the_trained_network_and_the_model_agree(
    classifier: Classifier, trained: Path, shapes: Dataset
) -> None:
    """The exported file gives the logits of the weights beside it, 200 images, 1e-4."""
    import torch
    from safetensors.torch import load_file

    from hangtag.datasets import split_dataset
    from hangtag.training.export import Exportable
    from hangtag.training.networks import build_network
    from hangtag.training.ood import fit_ood_score
    from hangtag.training.preprocessing import Normalisation
    from hangtag.training.recipes import recipe_from_yaml

    recipe = recipe_from_yaml((trained / "recipe.yaml").read_text(), where="recipe")
    network = build_network(recipe, classes=3)
    network.load_state_dict(load_file(trained / "model" / "weights.safetensors"))
    train = split_dataset(shapes, fraction=recipe.validation_fraction, seed=0).splits["train"]
    network.eval()
    normalisation = Normalisation.of(recipe, train.images)
    ood_score = fit_ood_score(network, normalisation, train)
    model = Exportable(network, normalisation, ood_score).eval()
    images = train.images[:200, ..., None]
    with torch.no_grad():
        logits, embedding, strange = model(torch.from_numpy(images))
    np.testing.assert_allclose(classifier.run(images).logits, logits.numpy(), atol=1e-4)
    assert embedding.shape == (200, 16)
    np.testing.assert_allclose(classifier.run(images).ood_scores, strange, atol=1e-2)
