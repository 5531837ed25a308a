"""Plans a training: resolves and checks all settings first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hangtag.datasets import (
    FEWEST_IMAGES,
    Dataset,
    describe_suppliers,
    find_small_classes,
    load_dataset,
    split_dataset,
)
from hangtag.datasets.dataset import hash_split
from hangtag.datasets.held_out import (
    fingerprint_images,
    hold_out_again,
    pack_fingerprints,
)
from hangtag.environment import require_extra
from hangtag.errors import DataError, TrainingError
from hangtag.images.spec import ImageSpec
from hangtag.models.card import InitialModel, Lineage, SplitFacts, TaxonomySource, TrainingData
from hangtag.models.classifier import Classifier
from hangtag.models.folder import WEIGHTS
from hangtag.progress import OnProgress
from hangtag.training.devices import choose_device
from hangtag.training.fine_tuning import PretrainedModel, PretrainedWeights
from hangtag.training.networks import NetworkSource
from hangtag.training.networks.custom import name_source
from hangtag.training.process_group import is_main_process
from hangtag.training.recipes import Recipe, build_recipe, load_recipe
from hangtag.training.run_folder import RunFolder
from hangtag.training.sampling import compute_class_prior
from hangtag.training.targets import load_teacher

DEFAULT_RECIPE = "express"
PHOTO_RECIPE = "photo-fast"
"""The default recipe for photos."""

MAX_SEED = 2**63 - 1

_PRIOR_DIGITS = 6


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What the user asks for; see `hangtag.training.train.train`.

    Attributes:
        data: A name, a path or a dataset.
        recipe: A shipped name, a YAML file or a recipe. By default that of the run to resume, that
            of `init_from` suited to fine-tuning, or one that fits the images.
        settings: Fields of the recipe to change, as in `load_recipe`.
        init_from: A shipped model, a model folder or a run folder to fine-tune.
        network: The user's own network; its import path is stored in the recipe.
        out: The run folder; by default the next ``runs/train-NUMBER``.
        seed: Decides everything random; by default 0, or that of the run to resume.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Continue the run in `out`.
        taxonomy: CSV file of the user's own categories, which the labels name.
        offline: Whether to fetch nothing from the network.
        profile: Whether to measure where the time of a step goes.
        tensorboard: Whether to log the epochs for TensorBoard.
    """

    data: str | Path | Dataset
    recipe: str | Path | Recipe | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    init_from: str | None = None
    network: NetworkSource | None = None
    out: Path | None = None
    seed: int | None = None
    device: str = "auto"
    resume: bool = False
    taxonomy: Path | None = None
    offline: bool = False
    profile: bool = False
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A training that is ready to run.

    Attributes:
        request: What the user asked for.
        recipe: What to do.
        dataset: With at least the splits train and validation.
        seed: Decides everything random.
        device: Where to compute.
        data: Facts of the data, for the card and the run folder.
        lineage: Recipe, seed and models that it starts from, for the same.
        initial: The weights to start from; None for random ones.
        teacher: The model whose answers are learned beside the labels.
        notes: What the user should know about the start, a sentence each.
    """

    request: TrainingRequest
    recipe: Recipe
    dataset: Dataset
    seed: int
    device: torch.device
    data: TrainingData
    lineage: Lineage
    initial: PretrainedWeights | None = None
    teacher: Classifier | None = None
    notes: tuple[str, ...] = ()


def plan_training(
    request: TrainingRequest,
    *,
    say: Callable[[str], None] = lambda line: None,
    on_progress: OnProgress | None = None,
) -> TrainingPlan:
    """Chooses the recipe, reads the data, splits them and checks that everything fits.

    The model to fine-tune is read once. What can be refused without the data is refused before
    they are read.

    Args:
        request: What to train.
        say: Called with messages for people.
        on_progress: Called while the data are read.

    Raises:
        DataError: The data cannot be read, split, or tell no classes apart.
        ModelError: There is no such model to start from or to learn from, or it is damaged.
        RecipeError: No such recipe, an unknown field or an impossible value.
        TrainingError: `out` is not free or holds no run to resume, the seed is out of range, there
            is no such device, or a model does not fit.
        MissingExtraError: The recipe needs an extra that is not installed.
    """
    run = _find_run(request)
    seed = _choose_seed(request, run)
    device = choose_device(request.device)
    request = _name_network(request)
    model = PretrainedModel.read(request.init_from) if request.init_from else None
    recipe = _choose_recipe(request, run, model)
    if recipe.init_from is not None and model is None:
        model = PretrainedModel.read(recipe.init_from)
    initial = model.load_weights(recipe, source=request.network) if model else None
    if request.recipe or model or run:
        dataset = _read_data(request, recipe.images.spec, on_progress)
    else:
        dataset = _read_data(request, None, on_progress)
        if dataset.first.images.ndim == 4:
            recipe = _load(PHOTO_RECIPE, request.settings)
            say(f"the images are photos, so the recipe is {recipe.name}; see hangtag recipes")
        if dataset.first.images.shape[1:] != recipe.images.spec.shape:
            dataset = _read_data(request, recipe.images.spec, on_progress)
    _check_shape(dataset, recipe)
    dataset = divide_dataset(dataset, recipe, seed=seed, model=model)
    teacher = load_teacher(recipe.distillation, dataset) if recipe.distillation else None
    notes = model.describe_start(dataset) if model else ()
    return TrainingPlan(
        request=request,
        recipe=recipe,
        dataset=dataset,
        seed=seed,
        device=device,
        data=_describe_data(dataset, recipe),
        lineage=Lineage(
            recipe=recipe.name,
            description=recipe.description,
            settings=recipe.model_dump(mode="json"),
            seed=seed,
            init_from=_describe_model(model, notes) if model else None,
            teacher=teacher.card.sha256 if teacher else None,
        ),
        initial=initial,
        teacher=teacher,
        notes=notes,
    )


def divide_dataset(
    dataset: Dataset, recipe: Recipe, *, seed: int, model: PretrainedModel | None = None
) -> Dataset:
    """Checks what is to be trained on and holds a validation split out where there is none.

    Fine-tuning holds out again what `model` was validated on.

    Raises:
        DataError: There are no classes to tell apart, a class has too few images or none in train,
            or the dataset cannot be split.
    """
    _check_sizes(dataset)
    fraction = recipe.validation_fraction
    if model is None:
        dataset = split_dataset(dataset, fraction=fraction, seed=seed)
    else:
        dataset = hold_out_again(dataset, model.known, fraction=fraction, seed=seed)
    _check_classes(dataset, init_from=recipe.init_from)
    return dataset


def _find_run(request: TrainingRequest) -> RunFolder | None:
    """Returns the run to resume; refuses a folder that is not free before the data are read."""
    if request.out is None:
        if request.resume:
            raise TrainingError("--resume needs --out, the run folder to resume")
        return None
    run = RunFolder(Path(request.out))
    if request.resume:
        run.require_run()
        return run
    if is_main_process():
        run.require_free()
    return None


def _choose_seed(request: TrainingRequest, run: RunFolder | None) -> int:
    saved = run.read_facts().lineage.seed if run else 0
    seed = saved if request.seed is None else request.seed
    if not 0 <= seed <= MAX_SEED:
        raise TrainingError(
            f"--seed: expected a whole number from 0 to {MAX_SEED}, received {seed}"
        )
    if run and seed != saved:
        raise TrainingError(f"{run.path} was trained with --seed {saved}, not {seed}")
    return int(seed)


def _name_network(request: TrainingRequest) -> TrainingRequest:
    """Writes the import path of the user's own network to the settings."""
    if request.network is None:
        return request
    network = {"kind": "custom", "factory": name_source(request.network)}
    return replace(request, settings={"network": network, **request.settings})


def _choose_recipe(
    request: TrainingRequest, run: RunFolder | None, model: PretrainedModel | None
) -> Recipe:
    """Reads the recipe that is asked for, by default that of the run or the model."""
    settings = dict(request.settings)
    if request.recipe is None and run is None and model is not None:
        return model.suit_recipe(settings)
    if model is not None:
        settings["init_from"] = model.model
    if request.recipe is None and run is not None:
        return _require_weights(run.read_recipe(settings=settings))
    return _load(request.recipe or DEFAULT_RECIPE, settings)


def _load(recipe: str | Path | Recipe, settings: Mapping[str, Any]) -> Recipe:
    if isinstance(recipe, Recipe):
        fields = recipe.model_dump(mode="json")
        loaded = build_recipe(fields, where=f"recipe {recipe.name}", settings=settings)
        return _require_weights(loaded)
    return _require_weights(load_recipe(recipe, settings=settings))


def _require_weights(recipe: Recipe) -> Recipe:
    """Raises MissingExtraError where published weights to start from are not installed."""
    if recipe.weights_extra is not None:
        require_extra(recipe.weights_extra, f"the recipe {recipe.name}")
    return recipe


def _read_data(
    request: TrainingRequest, spec: ImageSpec | None, on_progress: OnProgress | None
) -> Dataset:
    if isinstance(request.data, Dataset):
        return request.data
    return load_dataset(
        request.data,
        spec=spec,
        offline=request.offline,
        taxonomy=request.taxonomy,
        on_progress=on_progress,
    )


def _check_shape(dataset: Dataset, recipe: Recipe) -> None:
    """Raises DataError where a dataset holds other images than `recipe` takes."""
    shape, spec = dataset.first.images.shape[1:], recipe.images.spec
    if shape != spec.shape:
        raise DataError(
            f"{dataset.source}: expected images of shape {spec.shape}, which the recipe "
            f"{recipe.name} takes, received {shape}; load the data with "
            f"spec={spec!r}, or choose another recipe"
        )


def _check_sizes(dataset: Dataset) -> None:
    """Raises DataError where a class has images, but too few to train and evaluate on."""
    small = [f"{name} ({count})" for name, count in find_small_classes(dataset).items()]
    if small:
        raise DataError(
            f"{dataset.source}: expected at least {FEWEST_IMAGES} images of each class to train "
            f"and evaluate on, received fewer in {', '.join(small[:5])}"
            f"{' and others' if len(small) > 5 else ''}"
            f"{_describe_broken(dataset)}; add images or leave these classes out"
        )


def _describe_broken(dataset: Dataset) -> str:
    if not dataset.broken:
        return ""
    first = dataset.broken[0].reason
    return f" ({len(dataset.broken):,} images cannot be read, the first: {first})"


def _check_classes(dataset: Dataset, *, init_from: str | None) -> None:
    """Raises DataError unless train has two classes or more, and all that validation has."""
    if "train" not in dataset.splits:
        raise DataError(f"{dataset.source} has no split 'train'; add one to train on")
    labels = dataset.splits["train"].labels
    found = [dataset.classes[label] for label in np.unique(labels)]
    if len(found) < 2:
        raise DataError(
            f"{dataset.source}: expected images of at least two classes to train on, received "
            f"{len(labels)} of {' '.join(found) or 'none'}; add images of another class"
        )
    missing = np.setdiff1d(dataset.splits["validation"].labels, labels)
    if len(missing):
        remedy = (
            "or try another --seed"
            if init_from is None
            else f"as the suppliers in the validation split of {init_from} stay held out, or name "
            "the splits in a column 'split'"
        )
        raise DataError(
            f"{dataset.source}: all images of {dataset.classes[missing[0]]} are in validation, "
            f"none is in train to learn from; add images of it from other suppliers, {remedy}"
        )


def _describe_data(dataset: Dataset, recipe: Recipe) -> TrainingData:
    """Returns the facts of a divided dataset for the card."""
    labels = dataset.splits["train"].labels
    counts = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    prior = compute_class_prior(recipe.balance, counts)
    tree = dataset.tree
    return TrainingData(
        name=dataset.name,
        resized=dataset.resized,
        splits={
            name: SplitFacts(n=len(split), sha256=hash_split(split))
            for name, split in dataset.splits.items()
        },
        validation_fraction=recipe.validation_fraction,
        held_out=pack_fingerprints(fingerprint_images(dataset.splits["validation"].images)),
        class_prior=tuple(round(frequency, _PRIOR_DIGITS) for frequency in prior),
        supplier_notes=describe_suppliers(dataset),
        taxonomy=TaxonomySource(source=tree.source, sha256=tree.sha256) if tree else None,
    )


def _describe_model(model: PretrainedModel, notes: tuple[str, ...]) -> InitialModel:
    """Returns the model that a training starts from, for the card."""
    weights = model.card.files[WEIGHTS].sha256
    return InitialModel(name=model.card.name, weights=weights, notes=notes)
