"""The training loop: batches, steps, epochs, and a state that can be saved and restored.

The images stay uint8 in memory; each batch is scaled, augmented and normalised on its way to the
network. All random numbers come from the generator (order, augmentation) and from torch's own
(weights, dropout), and both are part of the state. With linear probing, the first epochs take
embeddings computed once instead, see `frozen`.
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
from hangtag.training.augmentation import augment_batch
from hangtag.training.averaging import RunningMean
from hangtag.training.balance import Balancing
from hangtag.training.batches import evaluation_batch, sample_size
from hangtag.training.checkpoints import optimiser_tensors, restore_optimiser
from hangtag.training.devices import mixed_precision
from hangtag.training.examples import Examples
from hangtag.training.frozen import Embeddings, embed_copies
from hangtag.training.history import Epoch
from hangtag.training.mixing import mix
from hangtag.training.networks import Network, build_network
from hangtag.training.optimisers import build_optimiser, set_learning_rate
from hangtag.training.preprocessing import Normalisation, scale_pixels
from hangtag.training.process_group import Team
from hangtag.training.recipes.schema import Recipe
from hangtag.training.schedules import learning_rate
from hangtag.training.selection import Selection
from hangtag.training.stopping import EarlyStopping
from hangtag.training.stopwatch import Stopwatch

PREPARING_IMAGES = 5000
STEPS_BETWEEN_CHECKS = 25

Prepare = Callable[[Network, Tensor], None]
"""Gives a new network its first weights in place of its own `prepare`."""


class Trainer:
    """A training under way.

    Attributes:
        recipe: What decides it.
        network: The weights as they are now.
        history: The epochs done.
        stopping: Watches the validation loss.
        steps: Steps of the epoch under way, or of the last one.
        stopwatch: Set to one to learn where the time of a step goes.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: Examples,
        validation: Examples,
        *,
        normalisation: Normalisation,
        seed: int,
        device: torch.device,
        team: Team | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        _check_team(recipe, team or Team())
        torch.manual_seed(seed)
        self.recipe = recipe
        self.history: list[Epoch] = []
        self.stopping = EarlyStopping(recipe.patience)
        self.normalisation = normalisation
        self._train, self._validation = train, validation
        self._device, self._seed, self._team = device, seed, team or Team()
        self.stopwatch: Stopwatch | None = None
        self._generator = torch.Generator().manual_seed(seed)
        self._balancing = Balancing.of(recipe.balance, train.labels, classes=train.targets.shape[1])
        self._selection = Selection(
            recipe.data_pruning, items=len(train), rates=self._balancing.rates
        )
        self.steps = self.most_steps
        _, height, width, channels = train.pixels.shape
        network = build_network(
            recipe, classes=train.targets.shape[1], channels=channels, size=(height, width)
        )
        sample = sample_size(height, width, most=PREPARING_IMAGES)
        images = self.normalisation(scale_pixels(train.pixels[:sample].cpu()))
        if prepare:
            prepare(network, images)
        else:
            network.prepare(images)
        network.to(device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = build_optimiser(recipe, self.network, frozen=self._is_frozen)
        self._mean = _start_averaging(recipe, self.network)
        self._embeddings: tuple[Embeddings, Embeddings] | None = None
        self._model: nn.Module = self.network
        if self._team.size > 1:
            self._model = DistributedDataParallel(self.network)

    @property
    def result(self) -> Network:
        """The network that is judged and exported: with the mean weights where the recipe says."""
        return self._mean.network if self._mean else self.network

    @property
    def _is_frozen(self) -> bool:
        """Whether in the next epoch, or the one under way, the last layer alone learns."""
        probing = self.recipe.linear_probing
        return probing is not None and len(self.history) < probing.epochs

    @property
    def most_steps(self) -> int:
        """Steps of an epoch that leaves out no image."""
        return len(self._bounds(len(self._train)))

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done or the patience used up."""
        return len(self.history) >= self.recipe.epochs or self.stopping.should_stop

    def run_epoch(self, *, on_step: OnProgress | None = None) -> Epoch:
        """Trains for one epoch, validates, and notes both in the history.

        Raises:
            TrainingError: The loss is not a finite number.
        """
        started = time.perf_counter()
        self._begin_phase(on_step)
        loss, accuracy = self._train_epoch(on_step)
        val_loss, val_accuracy = self._validate()
        epoch = Epoch(
            epoch=len(self.history) + 1,
            seconds=time.perf_counter() - started,
            lr=self._optimiser.param_groups[0]["lr"],
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
        """Returns all that the next epoch depends on: tensors, and facts of JSON types."""
        tensors = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        tensors |= {f"optimiser.{n}": t for n, t in optimiser_tensors(self._optimiser).items()}
        if self._mean:
            tensors |= {f"mean.{name}": t for name, t in self._mean.network.state_dict().items()}
        tensors["selection.losses"] = self._selection.losses
        tensors["random.order"] = self._generator.get_state()
        tensors["random.torch"] = torch.get_rng_state()
        if self._device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self._device)
        facts: dict[str, Any] = {
            "history": [asdict(epoch) for epoch in self.history],
            "stopping": {**asdict(self.stopping), "best_loss": str(self.stopping.best_loss)},
        }
        if self._mean:
            facts["averaged"] = self._mean.steps
        return tensors, facts

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Puts a state back, so that the training goes on as if it had never stopped."""
        self.history = [Epoch(**row) for row in facts["history"]]
        self.network.load_state_dict(_tensors_of(tensors, "network"))
        if self._mean:
            self._mean.network.load_state_dict(_tensors_of(tensors, "mean"))
            self._mean.steps = facts["averaged"]
        probing = self.recipe.linear_probing
        if probing and len(self.history) > probing.epochs:
            self._optimiser = build_optimiser(self.recipe, self.network)
        restore_optimiser(self._optimiser, _tensors_of(tensors, "optimiser"))
        self._selection.losses = tensors["selection.losses"]
        self._generator.set_state(tensors["random.order"])
        torch.set_rng_state(tensors["random.torch"])
        if self._device.type == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"], self._device)
        noted = facts["stopping"]
        self.stopping = EarlyStopping(
            self.recipe.patience, float(noted["best_loss"]), noted["best_epoch"], noted["waited"]
        )

    def _begin_phase(self, on_step: OnProgress | None) -> None:
        """Computes the embeddings of the frozen epochs, or lets all of the network learn."""
        probing = self.recipe.linear_probing
        if probing is None:
            return
        if not self._is_frozen:
            if len(self.history) == probing.epochs:
                self._optimiser = build_optimiser(self.recipe, self.network)
            self._embeddings = None
        elif self._embeddings is None:
            train, validation = (
                embed_copies(
                    self.network,
                    self.normalisation,
                    examples.pixels,
                    recipe=self.recipe,
                    copies=copies,
                    seed=self._seed,
                    on_progress=on_step,
                )
                for examples, copies in ((self._train, probing.views), (self._validation, 1))
            )
            self._embeddings = train, validation

    def _train_epoch(self, on_step: OnProgress | None) -> tuple[float, float]:
        self.network.train()
        number = len(self.history) + 1
        if self._team.size > 1:  # dropout differs from process to process
            torch.manual_seed(self._seed + 1_000_003 * number + self._team.rank)
        order, weights = self._selection.choose(
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
        self._selection.losses[order.cpu()] = self._team.add_up(fresh)[order].cpu()
        mean, share = (self._team.add_up(totals.sum(dim=0)) / weights.sum()).tolist()
        return mean, share

    def _step(self, chosen: Tensor, weights: Tensor, *, epoch: float, losses: Tensor) -> Tensor:
        """Takes one step on the images at `chosen` (B,), with `weights` (B,) in the loss.

        Notes the loss of each image of this process in `losses` (N,).

        Returns:
            This process's part of the summed loss and of the number of images that were right,
            both weighted, (2,).
        """
        set_learning_rate(self._optimiser, learning_rate(self.recipe, epoch=epoch))
        with self._part("data"):
            inputs, targets = self._gather(chosen), self._train.targets[chosen]
            mine, share = self._team.share(chosen), self._team.share(weights)
            labels = self._train.labels[mine]
        with self._part("augmentation"):
            # Every process augments the whole batch, so that all draw the same numbers.
            inputs, targets = self._augment(inputs, targets)
            targets = self._team.share(targets)
        with self._part("forward"):
            logits = self._balancing.shift(self._forward(self._team.share(inputs)))
            each = cross_entropy(
                logits, targets, reduction="none", label_smoothing=self.recipe.label_smoothing
            )
            each = self._balancing.weigh(each, targets)
            # The mean over the team, which DistributedDataParallel takes, is that of the batch.
            loss = self._penalised((each * share).sum() * self._team.size / weights.sum())
        with self._part("backward"):
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        with self._part("optimiser"):
            self._optimiser.step()
            if self._mean:
                self._mean.update(self.network)
        losses[mine] = each.detach()
        right = ((logits.detach().argmax(dim=1) == labels) * share).sum()
        return torch.stack([loss.detach() * weights.sum() / self._team.size, right])

    def _part(self, name: str) -> AbstractContextManager[None]:
        return self.stopwatch.part(name) if self.stopwatch else nullcontext()

    def _gather(self, chosen: Tensor) -> Tensor:
        """Returns images (B, C, H, W) in 0-1 or, in a frozen epoch, embeddings (B, D)."""
        if self._embeddings:
            return self._embeddings[0].draw(chosen, generator=self._generator)
        return self._train.take(chosen)

    def _augment(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Augments and mixes images with their targets; embeddings are augmented already."""
        if self._embeddings:
            return inputs, targets
        images = augment_batch(inputs, self.recipe, generator=self._generator)
        if not self.recipe.mixup:
            return images, targets
        return mix(images, targets, alpha=self.recipe.mixup, generator=self._generator)

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        self.network.eval()
        self.result.eval()
        totals = torch.zeros(2, dtype=torch.float64, device=self._device)
        batch = evaluation_batch(*self._validation.pixels.shape[1:3])
        starts = range(0, len(self._validation), batch)
        for start in starts[self._team.rank :: self._team.size]:
            chosen = slice(start, start + batch)
            labels = self._validation.labels[chosen]
            inputs = (
                self._embeddings[1].copies[0, chosen]
                if self._embeddings
                else self._validation.take(chosen)
            )
            logits = self._forward(inputs)
            loss = self._penalised(cross_entropy(logits, labels)) * len(labels)
            totals += torch.stack([loss, (logits.argmax(dim=1) == labels).sum()])
        loss, accuracy = (self._team.add_up(totals) / len(self._validation)).tolist()
        return loss, accuracy

    def _forward(self, inputs: Tensor) -> Tensor:
        """Returns the logits (B, K) float32 of images (B, C, H, W) in 0-1 or embeddings (B, D)."""
        network = self.network if self.network.training else self.result
        if self._embeddings:
            return network.classify(inputs)
        normalised = self.normalisation(inputs).contiguous(memory_format=torch.channels_last)
        # Only a training step involves the other processes.
        model = self._model if self.network.training else network
        with mixed_precision(self.recipe, self._device):
            logits: Tensor = model(normalised)
        return logits.float()

    def _penalised(self, loss: Tensor) -> Tensor:
        penalty = self.network.penalty()
        return loss if penalty is None else loss + penalty

    def _bounds(self, items: int) -> list[tuple[int, int]]:
        return _batch_bounds(items, self.recipe.batch_size, fewest=2 * self._team.size)


def _check_team(recipe: Recipe, team: Team) -> None:
    if team.size > 1 and recipe.linear_probing:
        raise TrainingError(
            f"linear probing runs in one process, not in {team.size}; start it without "
            "torchrun, or set linear_probing to null"
        )


def _start_averaging(recipe: Recipe, network: Network) -> RunningMean | None:
    return RunningMean(network, decay=recipe.ema.decay) if recipe.ema else None


def _batch_bounds(items: int, size: int, *, fewest: int) -> list[tuple[int, int]]:
    """Cuts 0..items into batches; a last batch of less than `fewest` joins the one before.

    Batch normalisation has no statistics of a single item, and every process needs some.
    """
    starts = list(range(0, items, size))
    if len(starts) > 1 and items - starts[-1] < fewest:
        starts.pop()
    return list(zip(starts, [*starts[1:], items], strict=True))


def _tensors_of(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
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
