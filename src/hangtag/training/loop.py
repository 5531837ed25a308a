"""The training loop: batches, steps, epochs, and a state that can be saved and restored.

The images stay uint8 in memory; each batch is scaled, augmented and normalised on its way to the
network. All random numbers come from the generator (order, augmentation) and from torch's own
(weights, dropout), and both are part of the state. With linear probing, the first epochs train on
embeddings computed once instead, see `fine_tuning`.
"""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from hangtag.errors import TrainingError
from hangtag.progress import OnProgress
from hangtag.training.augment import augment_batch
from hangtag.training.callbacks import Epoch, Profiler
from hangtag.training.checkpoints import optimiser_tensors, restore_optimiser
from hangtag.training.devices import mixed_precision
from hangtag.training.fine_tuning import CachedEmbeddings, embed_views
from hangtag.training.networks import Network, build_network
from hangtag.training.optimisation import (
    AveragedNetwork,
    EarlyStopping,
    build_optimiser,
    learning_rate,
    set_learning_rate,
)
from hangtag.training.preprocessing import (
    Examples,
    Normalisation,
    inference_batch_size,
    limit_images,
    scale_pixels,
)
from hangtag.training.process_group import ProcessGroup
from hangtag.training.recipes.schema import Recipe
from hangtag.training.sampling import ClassBalance, Sampler
from hangtag.training.targets import mixup

INITIALISING_IMAGES = 5000
STEPS_BETWEEN_CHECKS = 25

MakeNetwork = Callable[[Tensor], Network]
"""Builds a network with its first weights, from some normalised training images (B, C, H, W)."""


class Trainer:
    """A training in progress.

    Attributes:
        recipe: What decides it.
        network: The weights as they are now.
        optimiser: The optimiser of the current phase.
        history: The epochs done.
        stopping: Watches the validation loss.
        steps: Steps of the current epoch, or of the last one.
        profiler: Set to one to measure where the time of a step goes.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: Examples,
        validation: Examples,
        *,
        normalisation: Normalisation,
        seed: int,
        make_network: MakeNetwork | None = None,
        group: ProcessGroup | None = None,
    ) -> None:
        group = group or ProcessGroup()
        _check_group(recipe, group)
        torch.manual_seed(seed)
        self.recipe, self.normalisation = recipe, normalisation
        self.history: list[Epoch] = []
        self.stopping = EarlyStopping(recipe.patience)
        self.profiler: Profiler | None = None
        self._train, self._validation = train, validation
        self._device, self._seed, self._group = train.labels.device, seed, group
        self._generator = torch.Generator().manual_seed(seed)
        self._balance = ClassBalance.of(recipe.balance, train.labels, classes=train.classes)
        self._sampler = Sampler(recipe.data_pruning, items=len(train), rates=self._balance.rates)
        self.steps = self.max_steps
        self.network = self._make_network(make_network)
        self.optimiser = build_optimiser(recipe, self.network, head_only=self._is_probing)
        self._average = (
            AveragedNetwork(self.network, decay=recipe.ema.decay) if recipe.ema else None
        )
        self._embeddings: tuple[CachedEmbeddings, CachedEmbeddings] | None = None
        self._model: nn.Module = self.network
        if group.world_size > 1:
            self._model = DistributedDataParallel(self.network)

    def _make_network(self, make_network: MakeNetwork | None) -> Network:
        count = limit_images(*self._train.pixels.shape[1:3], most=INITIALISING_IMAGES)
        images = self.normalisation(scale_pixels(self._train.pixels[:count].cpu()))
        network = (make_network or self._build_network)(images).to(self._device)
        return network.to(memory_format=network.memory_format)  # type: ignore[call-overload,no-any-return]

    def _build_network(self, images: Tensor) -> Network:
        network = build_network(self.recipe, classes=self._train.classes)
        network.initialise(images)
        return network

    @property
    def result(self) -> Network:
        """The network that is evaluated and exported: with averaged weights where there are any."""
        return self._average.network if self._average else self.network

    @property
    def _is_probing(self) -> bool:
        """Whether the current epoch, or the next, trains only the last layer."""
        probing = self.recipe.linear_probing
        return probing is not None and len(self.history) < probing.epochs

    @property
    def max_steps(self) -> int:
        """Steps of an epoch that leaves out no image."""
        return len(self._bounds(len(self._train)))

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done or the patience is used up."""
        return len(self.history) >= self.recipe.epochs or self.stopping.should_stop

    def run_epoch(self, *, on_step: OnProgress | None = None) -> Epoch:
        """Trains for one epoch, validates, and adds both to the history.

        Raises:
            TrainingError: The loss is not a finite number.
        """
        started = time.perf_counter()
        self._start_phase(on_step)
        loss, accuracy = self._train_epoch(on_step)
        val_loss, val_accuracy = self.validate()
        epoch = Epoch(
            epoch=len(self.history) + 1,
            seconds=time.perf_counter() - started,
            lr=self.optimiser.param_groups[0]["lr"],
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
        )
        if not math.isfinite(val_loss):
            raise _not_finite("validation loss", epoch.epoch, self.steps)
        self.history.append(epoch)
        return epoch

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Returns what the next epoch depends on: tensors, and facts of JSON types."""
        tensors = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        tensors |= {f"optimiser.{n}": t for n, t in optimiser_tensors(self.optimiser).items()}
        if self._average:
            tensors |= {
                f"average.{name}": t for name, t in self._average.network.state_dict().items()
            }
        tensors["sampler.losses"] = self._sampler.losses
        tensors["random.order"] = self._generator.get_state()
        tensors["random.torch"] = torch.get_rng_state()
        if self._device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self._device)
        facts: dict[str, Any] = {
            "history": [asdict(epoch) for epoch in self.history],
            "stopping": {**asdict(self.stopping), "best_loss": str(self.stopping.best_loss)},
        }
        if self._average:
            facts["averaged"] = self._average.steps
        return tensors, facts

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restores a state, so that the training continues as if it had never stopped."""
        self.history = [Epoch(**row) for row in facts["history"]]
        self.network.load_state_dict(_select_tensors(tensors, "network"))
        if self._average:
            self._average.network.load_state_dict(_select_tensors(tensors, "average"))
            self._average.steps = facts["averaged"]
        probing = self.recipe.linear_probing
        if probing and len(self.history) > probing.epochs:
            self.optimiser = build_optimiser(self.recipe, self.network)
        restore_optimiser(self.optimiser, _select_tensors(tensors, "optimiser"))
        self._sampler.losses = tensors["sampler.losses"]
        self._generator.set_state(tensors["random.order"])
        torch.set_rng_state(tensors["random.torch"])
        if self._device.type == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"], self._device)
        saved = facts["stopping"]
        self.stopping = EarlyStopping(
            self.recipe.patience, float(saved["best_loss"]), saved["best_epoch"], saved["waited"]
        )

    def _start_phase(self, on_step: OnProgress | None) -> None:
        """Computes the embeddings of linear probing, or starts to train the whole network."""
        probing = self.recipe.linear_probing
        if probing is None:
            return
        if not self._is_probing:
            if len(self.history) == probing.epochs:
                self.optimiser = build_optimiser(self.recipe, self.network)
            self._embeddings = None
        elif self._embeddings is None:
            train, validation = (
                embed_views(
                    self.network,
                    self.normalisation,
                    examples.pixels,
                    recipe=self.recipe,
                    views=views,
                    seed=self._seed,
                    on_progress=on_step,
                )
                for examples, views in ((self._train, probing.views), (self._validation, 1))
            )
            self._embeddings = train, validation

    def _train_epoch(self, on_step: OnProgress | None) -> tuple[float, float]:
        self.network.train()
        number = len(self.history) + 1
        if self._group.world_size > 1:  # dropout differs from process to process
            torch.manual_seed(self._seed + 1_000_003 * number + self._group.rank)
        order, weights = self._sampler.choose(
            done=(number - 1) / self.recipe.epochs, generator=self._generator
        )
        order, weights = order.to(self._device), weights.to(self._device)
        bounds = self._bounds(len(order))
        self.steps = len(bounds)
        fresh = torch.zeros(len(self._train), device=self._device)
        totals = torch.zeros(self.steps, 2, dtype=torch.float64, device=self._device)
        for step, (start, end) in enumerate(bounds):
            batch = slice(start, end)
            epoch = number - 1 + (step + 0.5) / self.steps
            totals[step] = self._step(order[batch], weights[batch], epoch=epoch, losses=fresh)
            if step % STEPS_BETWEEN_CHECKS == 0 or step == self.steps - 1:
                _check_finite(totals[: step + 1, 0], number)
                if on_step:
                    on_step(step + 1, self.steps)
        self._sampler.losses[order.cpu()] = self._group.all_reduce(fresh)[order].cpu()
        loss, accuracy = (self._group.all_reduce(totals.sum(dim=0)) / weights.sum()).tolist()
        return loss, accuracy

    def _step(self, chosen: Tensor, weights: Tensor, *, epoch: float, losses: Tensor) -> Tensor:
        """Takes one step on the images at `chosen` (B,), with `weights` (B,) in the loss.

        Writes the loss of each image of this process to `losses` (N,).

        Returns:
            This process's part of the summed loss and of the number of images that were right,
            both weighted, (2,).
        """
        set_learning_rate(self.optimiser, learning_rate(self.recipe, epoch=epoch))
        with self._record("data"):
            inputs, targets = self._gather(chosen), self._train.targets[chosen]
            own, own_weights = self._group.scatter(chosen), self._group.scatter(weights)
            labels = self._train.labels[own]
        with self._record("augmentation"):
            # Every process augments the whole batch, so that all draw the same numbers.
            inputs, targets = self._augment(inputs, targets)
            targets = self._group.scatter(targets)
        with self._record("forward"):
            logits = self._balance.adjust(self._forward(self._group.scatter(inputs)))
            image_losses = cross_entropy(
                logits, targets, reduction="none", label_smoothing=self.recipe.label_smoothing
            )
            image_losses = self._balance.weigh(image_losses, targets)
            # DistributedDataParallel averages over the processes, which gives the batch's mean.
            total = (image_losses * own_weights).sum() * self._group.world_size
            loss = self._add_penalty(total / weights.sum())
        with self._record("backward"):
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        with self._record("optimiser"):
            self.optimiser.step()
            if self._average:
                self._average.update(self.network)
        losses[own] = image_losses.detach()
        correct = ((logits.detach().argmax(dim=1) == labels) * own_weights).sum()
        return torch.stack([loss.detach() * weights.sum() / self._group.world_size, correct])

    def _record(self, part: str) -> AbstractContextManager[None]:
        return self.profiler.record(part) if self.profiler else nullcontext()

    def _gather(self, chosen: Tensor) -> Tensor:
        """Returns images (B, C, H, W) in 0-1 or, in linear probing, embeddings (B, D)."""
        if self._embeddings:
            return self._embeddings[0].draw(chosen, generator=self._generator)
        return self._train.get_images(chosen)

    def _augment(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Augments and mixes images with their targets; embeddings are of augmented images."""
        if self._embeddings:
            return inputs, targets
        images = augment_batch(inputs, self.recipe, generator=self._generator)
        if not self.recipe.mixup:
            return images, targets
        return mixup(images, targets, alpha=self.recipe.mixup, generator=self._generator)

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Returns loss and accuracy of `result` on the validation split."""
        self.network.eval()
        self.result.eval()
        totals = torch.zeros(2, dtype=torch.float64, device=self._device)
        batch = inference_batch_size(*self._validation.pixels.shape[1:3])
        starts = range(0, len(self._validation), batch)
        for start in starts[self._group.rank :: self._group.world_size]:
            chosen = slice(start, start + batch)
            labels = self._validation.labels[chosen]
            inputs = (
                self._embeddings[1].views[0, chosen]
                if self._embeddings
                else self._validation.get_images(chosen)
            )
            logits = self._forward(inputs)
            loss = self._add_penalty(cross_entropy(logits, labels)) * len(labels)
            totals += torch.stack([loss, (logits.argmax(dim=1) == labels).sum()])
        loss, accuracy = (self._group.all_reduce(totals) / len(self._validation)).tolist()
        return loss, accuracy

    def _forward(self, inputs: Tensor) -> Tensor:
        """Returns the logits (B, K) float32 of images (B, C, H, W) in 0-1 or embeddings (B, D)."""
        network = self.network if self.network.training else self.result
        if self._embeddings:
            return network.classify(inputs)
        normalised = self.normalisation(inputs).contiguous(memory_format=network.memory_format)
        # Only a training step involves the other processes.
        model = self._model if self.network.training else network
        with mixed_precision(self.recipe, self._device):
            logits: Tensor = model(normalised)
        return logits.float()

    def _add_penalty(self, loss: Tensor) -> Tensor:
        penalty = self.network.penalty()
        return loss if penalty is None else loss + penalty

    def _bounds(self, items: int) -> list[tuple[int, int]]:
        return _batch_bounds(items, self.recipe.batch_size, fewest=2 * self._group.world_size)


def _check_group(recipe: Recipe, group: ProcessGroup) -> None:
    if group.world_size > 1 and recipe.linear_probing:
        raise TrainingError(
            f"linear probing runs in one process, not in {group.world_size}; start it without "
            "torchrun, or set linear_probing to null"
        )


def _batch_bounds(items: int, size: int, *, fewest: int) -> list[tuple[int, int]]:
    """Cuts 0..items into batches; a last batch of less than `fewest` joins the one before.

    Batch normalisation needs more than one item, in every process.
    """
    starts = list(range(0, items, size))
    if len(starts) > 1 and items - starts[-1] < fewest:
        starts.pop()
    return list(zip(starts, [*starts[1:], items], strict=True))


def _select_tensors(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }


def _check_finite(losses: Tensor, epoch: int) -> None:
    if not bool(torch.isfinite(losses).all()):
        step = int((~torch.isfinite(losses)).nonzero()[0].item()) + 1
        raise _not_finite("loss", epoch, step)


def _not_finite(what: str, epoch: int, step: int) -> TrainingError:
    return TrainingError(
        f"the {what} is not a finite number in epoch {epoch}, step {step}; the checkpoint of the "
        "epoch before is kept; lower the learning rate, such as with "
        "--set optimiser.learning_rate=..."
    )
