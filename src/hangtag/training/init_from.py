"""A model that a training begins from: its weights, what it knows, what its last layer keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from hangtag.datasets import Dataset
from hangtag.datasets.dataset import hash_split
from hangtag.datasets.held_out import (
    Known,
    extend_held_out,
    find_held_out,
    unpack_fingerprints,
)
from hangtag.errors import TrainingError
from hangtag.models.card import Card, InitialModel
from hangtag.models.folder import ONNX, WEIGHTS, find_model_folder, read_card, read_golden
from hangtag.training.fp16_weights import HALF_TOLERANCE
from hangtag.training.networks import Network, build_network
from hangtag.training.preprocessing import Normalisation, scale_pixels
from hangtag.training.recipes import Recipe, recipe_from_yaml

TOLERANCE = 1e-3
"""Most that a logit may differ from that in the card: processors round differently."""
_HEAD = "head."


@dataclass(frozen=True, slots=True)
class Beginning:
    """A model to begin from.

    Attributes:
        card: Of the model.
        normalisation: What it was trained with.
        weights: Of its network, by name.
    """

    card: Card
    normalisation: Normalisation
    weights: dict[str, Tensor]

    @torch.no_grad()
    def put_into(self, network: Network, _images: Tensor, *, classes: Sequence[str]) -> None:
        """Gives `network` the weights; of its last layer the rows of the classes that stay.

        Stands in for `Network.prepare`, but need not look at images.

        Args:
            network: With a row of the last layer for each of `classes`; those of new classes are
                left as they are.
            classes: Names by index.
        """
        own = network.state_dict()
        before = {name: row for row, name in enumerate(self.card.class_names)}
        kept = [(row, before[name]) for row, name in enumerate(classes) if name in before]
        for name, tensor in self.weights.items():
            if not name.startswith(_HEAD):
                own[name].copy_(tensor)
            elif kept:
                rows, sources = zip(*kept, strict=True)
                own[name][list(rows)] = tensor[list(sources)].to(own[name].dtype)


def load_beginning(recipe: Recipe) -> Beginning | None:
    """Loads the model that `recipe` begins from and proves that it is that model.

    Its weights, in a network built as its card says, must give the logits of its golden images.

    Returns:
        None where the recipe begins afresh.

    Raises:
        ModelError: There is no such model, or it is damaged.
        TrainingError: The recipe has other images or another network than the model, or the
            weights do not give the model's answers.
    """
    if recipe.init_from is None:
        return None
    folder = find_model_folder(recipe.init_from)
    card = read_card(folder)
    where = f"--from {recipe.init_from}"
    own = recipe_from_yaml(
        yaml.safe_dump(dict(card.lineage.settings)), where=f"the recipe of {recipe.init_from}"
    )
    _check_recipe(recipe, own, where=where)
    normalisation = _read_normalisation(folder / ONNX, own)
    network = _build(own, card)
    weights = load_file(folder / WEIGHTS)
    _check_shapes(network, weights, what=f"{where}: the weights", other="the network of its recipe")
    network.load_state_dict(weights)
    _check_golden(network, normalisation, folder, card, where=where)
    _check_shapes(_build(recipe, card), weights, what=where, other=f"the recipe {recipe.name}")
    return Beginning(card, normalisation, weights)


def read_known(model: str) -> Known:
    """Returns what a model knows; one that was made by an older version tells no held-out images.

    Raises:
        ModelError: There is no such model, or it is damaged.
    """
    card = read_card(find_model_folder(model))
    return Known(card.class_names, unpack_fingerprints(card.data.held_out))


def describe_initial_model(model: str, dataset: Dataset) -> InitialModel:
    """Returns the model that a training on `dataset` is fine-tuned from, for the card.

    Raises:
        ModelError: There is no such model, or it is damaged.
    """
    card = read_card(find_model_folder(model))
    notes = (_describe_classes(card, dataset), *_describe_judging(card, dataset))
    return InitialModel(name=card.name, weights=card.files[WEIGHTS].sha256, notes=notes)


def _describe_classes(card: Card, dataset: Dataset) -> str:
    kept = [name for name in dataset.classes if name in card.class_names]
    new = [name for name in dataset.classes if name not in card.class_names]
    gone = [name for name in card.class_names if name not in dataset.classes]
    if not kept:
        return (
            f"Continues from {card.name}, of whose classes none is in the data (they are "
            f"{', '.join(card.class_names)}): all are learned anew. Spell alike what is meant."
        )
    return (
        f"Continues from {card.name}: {len(kept)} of its {len(card.classes)} classes stay"
        + (f"; new: {', '.join(new)}" if new else "")
        + (f"; not in the data and forgotten: {', '.join(gone)}" if gone else "")
        + "."
    )


def _describe_judging(card: Card, dataset: Dataset) -> tuple[str, ...]:
    """Says so where validation may hold images that the model has learned."""
    split = dataset.splits["validation"]
    if hash_split(split) == card.data.splits["validation"].sha256:
        return ()
    if not card.data.held_out:
        return (
            f"{card.name} does not tell which images it was judged by, so it may have learned some "
            "of validation: figures and promises flatter. Train afresh for those to rely on.",
        )
    known = np.isin(np.array(dataset.classes)[split.labels], card.class_names)
    held = find_held_out(split, unpack_fingerprints(card.data.held_out))
    unlearned = extend_held_out(split, held)
    doubtful, beside = int((known & ~unlearned).sum()), int((unlearned & ~held).sum())
    if doubtful:
        return (
            f"{doubtful:,} of the {len(split):,} images of validation were not held out from "
            f"{card.name}: where it has learned them, figures and promises flatter.",
        )
    if beside:
        return (
            f"Also held out: {beside:,} images of suppliers that {card.name} was judged by. Their "
            "labels are not learned; to learn from them, name the splits in a column 'split'.",
        )
    return ()


def _check_recipe(recipe: Recipe, own: Recipe, *, where: str) -> None:
    """Raises TrainingError where `recipe` cannot continue a model of the recipe `own`."""
    remedy = "leave out --recipe to continue with the model's own recipe, or train without --from"
    if recipe.network.kind != own.network.kind:
        raise TrainingError(
            f"{where}: expected a model with a network of the kind {recipe.network.kind}, as the "
            f"recipe {recipe.name} has, received one of the kind {own.network.kind}; {remedy}"
        )
    if recipe.images != own.images:
        raise TrainingError(
            f"{where}: expected a model of {_describe_images(recipe)}, as the recipe "
            f"{recipe.name} has, received one of {_describe_images(own)}; {remedy}"
        )
    if recipe.normalise != own.normalise:
        raise TrainingError(
            f"{where}: normalise: expected a model of {recipe.normalise}, as the recipe "
            f"{recipe.name} has, received one of {own.normalise}; {remedy}"
        )


def _describe_images(recipe: Recipe) -> str:
    images = recipe.images
    return f"{'grey' if images.channels == 1 else 'colour'} images of {images.size}x{images.size}"


def _build(recipe: Recipe, card: Card) -> Network:
    size = card.input
    return build_network(
        recipe,
        classes=len(card.classes),
        channels=size.channels,
        size=(size.height, size.width),
    )


def _check_shapes(network: Network, weights: dict[str, Tensor], *, what: str, other: str) -> None:
    own = network.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        received, expected = (
            tuple(of[name].shape) if name in of else None for of in (weights, own)
        )
        if received != expected:
            raise TrainingError(
                f"{what}: expected {name} of the shape {expected}, as {other} has, received "
                f"{received}; leave out --recipe, or set the network's sizes to the model's"
            )


def _read_normalisation(path: Path, recipe: Recipe) -> Normalisation:
    """Returns the normalisation inside an exported graph: the first subtraction and division."""
    if recipe.normalise != "standardise":
        return Normalisation.of(recipe, np.zeros((0,), np.uint8))
    graph = onnx.load(path).graph
    values = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    subtraction = next(node for node in graph.node if node.op_type == "Sub")
    division = next(node for node in graph.node if subtraction.output[0] in node.input)
    mean, deviation = (values[node.input[1]] for node in (subtraction, division))
    return Normalisation(float(mean), float(deviation))


@torch.no_grad()
def _check_golden(
    network: Network, normalisation: Normalisation, folder: Path, card: Card, *, where: str
) -> None:
    golden = read_golden(folder, card)
    logits = network.eval()(normalisation(scale_pixels(torch.from_numpy(golden.pixels))))
    difference = float((logits - torch.from_numpy(golden.logits)).abs().max())
    # Half precision rounds the graph after normalisations are folded in, the weights before.
    tolerance = HALF_TOLERANCE if card.is_half else TOLERANCE
    if not difference <= tolerance:
        raise TrainingError(
            f"{where}: its weights differ from the model by {difference:.2g} on the golden images "
            f"(at most {tolerance:g}); train it again, or with the version of hangtag that made it"
        )
