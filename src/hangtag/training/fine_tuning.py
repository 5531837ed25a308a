"""Fine-tuning: start from the weights of a model (``init_from``), train its last layer first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
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
from hangtag.models.card import Card
from hangtag.models.folder import ONNX, WEIGHTS, Golden, find_model_folder, read_card, read_golden
from hangtag.progress import OnProgress
from hangtag.training.augment import augment_batch
from hangtag.training.devices import mixed_precision
from hangtag.training.export import FP16_TOLERANCE
from hangtag.training.networks import Network, NetworkSource, build_network
from hangtag.training.preprocessing import Normalisation, inference_batch_size, scale_pixels
from hangtag.training.recipes import Recipe, build_recipe, suit_fine_tuning

TOLERANCE = 1e-3
"""Most that a logit may differ from that in the card: processors round differently."""

FLATTERING = "metrics and thresholds are too optimistic"


@dataclass(frozen=True, slots=True)
class PretrainedModel:
    """A model to start from.

    Attributes:
        model: How the user named it.
        folder: Its model folder.
        card: Its card, verified.
        recipe: The recipe it was trained by.
    """

    model: str
    folder: Path
    card: Card
    recipe: Recipe

    @classmethod
    def read(cls, model: str) -> "PretrainedModel":
        """Reads and verifies the card of `model`.

        Raises:
            ModelError: There is no such model, or it is damaged.
            RecipeError: It was made by another version.
        """
        folder = find_model_folder(model)
        card = read_card(folder)
        return cls(
            model, folder, card, build_recipe(card.lineage.settings, where=f"the recipe of {model}")
        )

    @property
    def known(self) -> Known:
        """What it knows; one that was made by an older version names no held-out images."""
        return Known(self.card.class_names, unpack_fingerprints(self.card.data.held_out))

    def suit_recipe(self, settings: Mapping[str, Any] | None = None) -> Recipe:
        """Returns the recipe to fine-tune it by, see `suit_fine_tuning`, with `settings` changed.

        Raises:
            RecipeError: An unknown field or an impossible value.
        """
        fields = {**suit_fine_tuning(self.recipe), "init_from": self.model}
        return build_recipe(fields, where=f"the recipe of {self.model}", settings=settings)

    def load_weights(
        self, recipe: Recipe, *, source: NetworkSource | None = None
    ) -> "PretrainedWeights":
        """Loads the weights to fine-tune by `recipe` and proves that they are the model's.

        In a network built by the model's own recipe, they must give its golden logits.

        Raises:
            TrainingError: `recipe` has other images or another network than the model, or the
                weights do not give its logits.
        """
        where = f"--from {self.model}"
        _check_recipe(recipe, self.recipe, where=where)
        normalisation = _read_normalisation(self.folder / ONNX, self.recipe)
        network = self._build(self.recipe, source)
        weights = load_file(self.folder / WEIGHTS)
        _check_shapes(
            network, weights, what=f"{where}: the weights", other="the network of its recipe"
        )
        network.load_state_dict(weights)
        _check_golden(network, normalisation, read_golden(self.folder, self.card), self.card, where)
        other = f"the recipe {recipe.name}"
        _check_shapes(self._build(recipe, source), weights, what=where, other=other)
        return PretrainedWeights(self.card.class_names, normalisation, weights)

    def describe_start(self, dataset: Dataset) -> tuple[str, ...]:
        """Describes, a sentence each, which classes stay and whether metrics can be trusted."""
        return (_describe_classes(self.card, dataset), *_describe_held_out(self.card, dataset))

    def _build(self, recipe: Recipe, source: NetworkSource | None) -> Network:
        return build_network(
            recipe, classes=len(self.card.classes), spec=self.card.input, source=source
        )


@dataclass(frozen=True, slots=True)
class PretrainedWeights:
    """The weights of a model to start from.

    Attributes:
        classes: Its classes by index.
        normalisation: What it was trained with.
        weights: Of its network, by name.
    """

    classes: tuple[str, ...]
    normalisation: Normalisation
    weights: dict[str, Tensor]

    @torch.no_grad()
    def load_into(self, network: Network, *, classes: Sequence[str]) -> None:
        """Loads the weights into `network`; of its last layer, the rows of the classes that stay.

        Args:
            network: With a row of the last layer for each of `classes`; those of new classes keep
                their random weights.
            classes: Names by index.
        """
        own = network.state_dict()
        old_rows = {name: row for row, name in enumerate(self.classes)}
        kept = [(row, old_rows[name]) for row, name in enumerate(classes) if name in old_rows]
        head = f"{network.last_layer}."
        for name, tensor in self.weights.items():
            if not name.startswith(head):
                own[name].copy_(tensor)
            elif kept:
                rows, sources = zip(*kept, strict=True)
                own[name][list(rows)] = tensor[list(sources)].to(own[name].dtype)


@dataclass(frozen=True, slots=True)
class CachedEmbeddings:
    """Embeddings of the training images, computed once for linear probing.

    Attributes:
        views: (V, N, D) float32; the first of the images as they are, the others augmented.
    """

    views: Tensor

    def draw(self, chosen: Tensor, *, generator: torch.Generator) -> Tensor:
        """Returns one of the embeddings of each image at `chosen` (B,), (B, D)."""
        view = torch.randint(len(self.views), (len(chosen),), generator=generator)
        return self.views[view.to(self.views.device), chosen]


@torch.no_grad()
def embed_views(
    network: Network,
    normalisation: Normalisation,
    pixels: Tensor,
    *,
    recipe: Recipe,
    views: int,
    seed: int,
    on_progress: OnProgress | None = None,
) -> CachedEmbeddings:
    """Embeds pixels (N, H, W, C) as they are and `views` - 1 times augmented.

    The augmentation has a generator of its own, so that a resumed training computes the same
    embeddings again.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    step = inference_batch_size(*pixels.shape[1:3])
    embeddings: list[Tensor] = []
    network.eval()
    for view in range(views):
        for start in range(0, len(pixels), step):
            images = scale_pixels(pixels[start : start + step].to(device))
            if view:
                images = augment_batch(images, recipe, generator=generator)
            images = normalisation(images).contiguous(memory_format=network.memory_format)
            with mixed_precision(recipe, device):
                embeddings.append(network.embed(images).float())
            if on_progress:
                on_progress(view * len(pixels) + start + len(images), views * len(pixels))
    return CachedEmbeddings(torch.cat(embeddings).view(views, len(pixels), -1))


def _describe_classes(card: Card, dataset: Dataset) -> str:
    kept = [name for name in dataset.classes if name in card.class_names]
    new = [name for name in dataset.classes if name not in card.class_names]
    dropped = [name for name in card.class_names if name not in dataset.classes]
    if not kept:
        return (
            f"Fine-tunes {card.name}, but none of its classes is in the data (they are "
            f"{', '.join(card.class_names)}): all are learned anew. Spell alike what is meant."
        )
    return (
        f"Fine-tunes {card.name}: {len(kept)} of its {len(card.classes)} classes stay"
        + (f"; new: {', '.join(new)}" if new else "")
        + (f"; not in the data and dropped: {', '.join(dropped)}" if dropped else "")
        + "."
    )


def _describe_held_out(card: Card, dataset: Dataset) -> tuple[str, ...]:
    """Warns where validation may hold images that the model was trained on."""
    split = dataset.splits["validation"]
    if hash_split(split) == card.data.splits["validation"].sha256:
        return ()
    if not card.data.held_out:
        return (
            f"{card.name} does not record its validation images, so it may have been trained on "
            f"some of these: {FLATTERING}. Train without --from for figures to rely on.",
        )
    known = np.isin(np.array(dataset.classes)[split.labels], card.class_names)
    held = find_held_out(split, unpack_fingerprints(card.data.held_out))
    unseen = extend_held_out(split, held)
    doubtful, added = int((known & ~unseen).sum()), int((unseen & ~held).sum())
    if doubtful:
        return (
            f"{doubtful:,} of the {len(split):,} validation images were not held out when "
            f"{card.name} was trained: where it was trained on them, {FLATTERING}.",
        )
    if added:
        return (
            f"Also held out: {added:,} images of the suppliers in {card.name}'s validation split. "
            "To train on them, name the splits in a column 'split'.",
        )
    return ()


def _check_recipe(recipe: Recipe, own: Recipe, *, where: str) -> None:
    """Raises TrainingError where `recipe` cannot fine-tune a model of the recipe `own`."""
    remedy = "leave out --recipe to fine-tune by the model's own recipe, or train without --from"
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


def _check_shapes(network: Network, weights: dict[str, Tensor], *, what: str, other: str) -> None:
    own = network.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        received, expected = (
            tuple(tensors[name].shape) if name in tensors else None for tensors in (weights, own)
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
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    subtraction = next(node for node in graph.node if node.op_type == "Sub")
    division = next(node for node in graph.node if subtraction.output[0] in node.input)
    mean, deviation = (values[node.input[1]] for node in (subtraction, division))
    return Normalisation(float(mean), float(deviation))


@torch.no_grad()
def _check_golden(
    network: Network, normalisation: Normalisation, golden: Golden, card: Card, where: str
) -> None:
    logits = network.eval()(normalisation(scale_pixels(torch.from_numpy(golden.pixels))))
    difference = float((logits - torch.from_numpy(golden.logits)).abs().max())
    # fp16 rounds the graph's weights after normalisations are folded in, the stored ones before.
    tolerance = FP16_TOLERANCE if card.is_half else TOLERANCE
    if not difference <= tolerance:
        raise TrainingError(
            f"{where}: its weights differ from the model by {difference:.2g} on the golden images "
            f"(at most {tolerance:g}); train it again, or with the version of hangtag that made it"
        )
