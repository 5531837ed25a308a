"""From pixels to predictions through the exported model."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets import Dataset
from hangtag.decisions.policy import Decision
from hangtag.errors import DataError, ImageError
from hangtag.models.classifier import Classifier
from hangtag.models.image_batches import MAX_BATCH
from hangtag.readers import AnyImage


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
def test_a_batch_of_another_size_is_refused(classifier: Classifier, images: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected images \(N, 28, 28\)"):
        classifier.predict_batch(images)


def make_images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((28, 28), 1),
        ((28, 28, 3), 1),
        ((90, 60), 1),
        ((90, 60, 3), 1),
        ((90, 60, 4), 1),
        ((5, 28, 28), 5),
        ((5, 28, 28, 1), 5),
        ((5, 32, 32), 5),
        ((5, 32, 32, 3), 5),
        ((0, 28, 28), 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("model", ["fashion-mnist-tiny", "clothing-photos"])
def test_arrays_of_any_size_are_predicted(model: str, shape: tuple[int, ...], count: int) -> None:
    if count == 0 and model == "clothing-photos":
        pytest.skip("an empty array of another size holds no image")
    classifier = Classifier.load(model)
    assert len(classifier.predict(make_images(shape))) == count
    assert classifier.predict_proba(make_images(shape)).shape == (count, len(classifier.classes))


def test_every_form_of_a_photo_gives_the_same(tmp_path: Path) -> None:
    classifier = Classifier.load("clothing-photos")
    pixels = make_images((90, 60, 3))
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    forms: list[AnyImage] = [
        str(path),
        path,
        path.read_bytes(),
        Image.open(path),
        pixels,
        path.parent,
    ]
    found = [classifier.predict_logits(form) for form in forms]
    found += [classifier.predict_logits([form]) for form in forms]
    found += [classifier.predict_logits(form for form in [path])]
    for logits in found:
        np.testing.assert_allclose(logits, found[0], atol=1e-4)
    assert classifier.embed(path).shape[0] == classifier.ood_score(path).shape[0] == 1
    saliency, category = classifier.explain(path)
    assert saliency.shape == (224, 224)
    assert category == classifier.predict(path)[0].category


def test_an_image_that_cannot_be_read_has_the_decision_error(tmp_path: Path) -> None:
    classifier = Classifier.load("fashion-mnist-tiny")
    (tmp_path / "broken.png").write_bytes(b"no image")
    images: list[AnyImage] = [
        make_images((28, 28)),
        tmp_path / "broken.png",
        make_images((40, 40, 3)),
    ]
    predictions = classifier.predict(images)
    assert [prediction.error != "" for prediction in predictions] == [False, True, False]
    assert predictions[1].decision == Decision.ERROR
    assert predictions[1].input == str(tmp_path / "broken.png")
    rows = predictions.to_dicts()
    assert rows[1]["confidence"] is None
    assert list(rows[0])[:4] == ["input", "category", "confidence", "decision"]
    assert predictions.to_pandas()["decision"].tolist()[1] == "error"
    with pytest.raises(ImageError, match="broken"):
        classifier.predict_proba(images)


def test_more_images_than_are_decoded_at_a_time_keep_their_order() -> None:
    classifier = Classifier.load("fashion-mnist-tiny")
    images = make_images((2 * MAX_BATCH + 3, 28, 28))
    expected = classifier.predict_logits(images)
    np.testing.assert_allclose(classifier.predict_logits(iter(images)), expected, atol=1e-4)
    names = [prediction.input for prediction in classifier.predict(iter(images))]
    assert names == [f"images[{index}]" for index in range(len(images))]


def test_floats_are_refused_with_what_to_do() -> None:
    classifier = Classifier.load("fashion-mnist-tiny")
    floats = np.zeros((2, 28, 28), np.float32)
    with pytest.raises(DataError, match=r"uint8 .*255"):
        classifier.predict(floats)
    assert "255" in classifier.predict(list(floats))[0].error
    with pytest.raises(ImageError, match="255"):
        classifier.predict_proba(list(floats))


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
