"""Training in two phases: the last layer on embeddings, then all; mean weights; resuming both."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hangtag.datasets import Dataset, Split
from hangtag.errors import TrainingError
from hangtag.images.spec import ImageSpec
from hangtag.training.callbacks import Callbacks
from hangtag.training.loop import Trainer
from hangtag.training.optimisation import learning_rate
from hangtag.training.preprocessing import Examples, Normalisation
from hangtag.training.recipes import Recipe
from hangtag.training.summary import summarise
from tests.photos import photo_recipe
from tests.training.test_train import Interrupt, assert_same_run, fit_run


def make_colours(count: int, *, seed: int) -> Split:
    """Images that tell their class by the brightest channel."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = random.integers(0, 120, (count, 32, 32, 3), dtype=np.uint8)
    images[np.arange(count), :, :, labels] += 100
    ids = np.array([f"{seed}/{index}" for index in range(count)])
    return Split(images, labels.astype(np.int64), ids)


@pytest.fixture(scope="module")
def colours() -> Dataset:
    splits = {"train": make_colours(48, seed=1), "validation": make_colours(15, seed=2)}
    return Dataset("colours", "made", ("red", "green", "blue"), splits)


def make_trainer(dataset: Dataset, recipe: Recipe, **options: Any) -> Trainer:
    device = torch.device("cpu")
    train, validation = (
        Examples.of(dataset.splits[name], classes=3, device=device)
        for name in ("train", "validation")
    )
    normalisation = Normalisation.of(recipe, dataset.splits["train"].images)
    return Trainer(recipe, train, validation, normalisation=normalisation, seed=0, **options)


def test_in_frozen_epochs_the_last_layer_alone_learns_then_all(colours: Dataset) -> None:
    trainer = make_trainer(colours, photo_recipe())
    states = [{name: t.clone() for name, t in trainer.network.state_dict().items()}]
    for _ in range(3):
        trainer.run_epoch()
        states.append({name: t.clone() for name, t in trainer.network.state_dict().items()})
    changed = [
        {name for name in before if not before[name].equal(after[name])}
        for before, after in itertools.pairwise(states)
    ]
    assert changed[0] == changed[1] == {"head.weight", "head.bias"}
    assert {"stem.0.weight", "blocks.3.project.0.weight", "head.weight"} <= changed[2]


def test_frozen_epochs_look_at_each_image_once(
    colours: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(colours, photo_recipe("linear_probing.views=3", "ema=null"))
    seen: list[int] = []
    embed = trainer.network.embed

    def count(images: Tensor) -> Tensor:
        seen.append(len(images))
        made: Tensor = embed(images)
        return made

    monkeypatch.setattr(trainer.network, "embed", count)
    trainer.run_epoch()
    trainer.run_epoch()
    assert sum(seen) == 3 * 48 + 15


def test_the_backbone_learns_at_its_share_of_the_rate(colours: Dataset) -> None:
    recipe = photo_recipe(
        "linear_probing.backbone_factor=0.25", "epochs=3", "linear_probing.epochs=1"
    )
    trainer = make_trainer(colours, recipe)
    trainer.run_epoch()
    trainer.run_epoch()
    rates = [group["lr"] for group in trainer.optimiser.param_groups]
    assert rates[2] == rates[3] == pytest.approx(0.25 * rates[0])
    assert trainer.history[-1].lr == rates[0] > 0


def test_each_phase_follows_the_schedule_from_its_beginning() -> None:
    recipe = photo_recipe("epochs=10", "linear_probing.epochs=4", "schedule.warm_up=0.5")
    probing = recipe.linear_probing
    assert probing is not None
    assert learning_rate(recipe, epoch=2) == pytest.approx(probing.learning_rate)
    assert learning_rate(recipe, epoch=3.999) < 0.01 * probing.learning_rate
    assert learning_rate(recipe, epoch=7) == pytest.approx(recipe.optimiser.learning_rate)
    assert learning_rate(recipe, epoch=9.999) < 0.01 * recipe.optimiser.learning_rate


def test_the_mean_of_the_weights_is_judged_and_kept(colours: Dataset) -> None:
    trainer = make_trainer(colours, photo_recipe("ema.decay=0.9"))
    while not trainer.finished:
        trainer.run_epoch()
    mean, last = trainer.result.head.weight, trainer.network.head.weight
    assert (
        summarise(trainer.result, ImageSpec(32, 32, 3)).non_trainable
        == summarise(trainer.network, ImageSpec(32, 32, 3)).non_trainable
    )
    assert not mean.equal(last)
    assert torch.dist(mean, last) < 0.2 * last.norm()
    split = colours.splits["validation"]
    validation = Examples.of(split, classes=3, device=torch.device("cpu"))
    images = trainer.normalisation(validation.get_images(slice(None)))
    with torch.no_grad():
        right = trainer.result.eval()(images).argmax(dim=1) == validation.labels
    assert right.float().mean().item() == pytest.approx(trainer.history[-1].val_accuracy)
    assert make_trainer(colours, photo_recipe("ema=null")).result is not None


@pytest.fixture(scope="module", params=[[], ["ema=null", "balance.sampling=1"]], ids=str)
def uninterrupted(
    request: pytest.FixtureRequest, colours: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recipe, Path]:
    """A recipe and its run that nothing interrupted."""
    recipe, whole = photo_recipe(*request.param), tmp_path_factory.mktemp("whole") / "run"
    fit_run(colours, recipe, whole)
    return recipe, whole


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6])
def test_an_interrupted_run_resumes_to_the_same_bits(
    colours: Dataset, uninterrupted: tuple[Recipe, Path], tmp_path: Path, at: int
) -> None:
    (recipe, whole), cut = uninterrupted, tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        fit_run(colours, recipe, cut, callbacks=Callbacks(on_step=Interrupt(at).step))
    fit_run(colours, recipe, cut, resume=True)
    assert_same_run(whole, cut)


def test_balance_changes_the_training_and_not_the_validation(colours: Dataset) -> None:
    plain, shifted = (
        make_trainer(colours, photo_recipe(*changes, "epochs=2", "mixup=0"))
        for changes in ([], ["balance.logit_adjustment=1", "balance.loss=0.5"])
    )
    assert plain.validate() == shifted.validate()
    assert plain.run_epoch().loss == pytest.approx(shifted.run_epoch().loss, rel=1e-4)


def test_two_processes_are_refused(colours: Dataset) -> None:
    from hangtag.training.process_group import ProcessGroup

    with pytest.raises(TrainingError, match="one process"):
        make_trainer(colours, photo_recipe(), group=ProcessGroup(0, 2))
