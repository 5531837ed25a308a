"""Training targets: one-hot labels, the probabilities of a teacher, mixup."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Generator, Tensor

from hangtag.datasets import Dataset
from hangtag.datasets.dataset import hash_split
from hangtag.errors import TrainingError
from hangtag.models.classifier import Classifier
from hangtag.training.recipes.schema import Distillation


def one_hot(labels: Tensor, *, classes: int) -> Tensor:
    """Turns labels (N,) int64 in 0..K-1 into targets (N, K) float32; label 3 of 10 is 0001000000.

    Raises:
        ValueError: A label is not in 0..K-1.
    """
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        received = f"{int(labels.min())}..{int(labels.max())}"
        raise ValueError(f"labels: expected 0..{classes - 1}, received {received}")
    targets = torch.zeros(len(labels), classes, dtype=torch.float32, device=labels.device)
    return targets.scatter_(1, labels[:, None], 1.0)


def load_teacher(settings: Distillation, dataset: Dataset) -> Classifier:
    """Loads the teacher and checks that it may teach on `dataset`.

    Raises:
        ModelError: There is no such model, or it is damaged.
        TrainingError: It has other classes, or was trained on another train split, so that it may
            know the images that the student is evaluated on.
    """
    teacher = Classifier.load(settings.teacher)
    if teacher.classes != dataset.classes:
        raise TrainingError(
            f"distillation.teacher: {settings.teacher} has the classes "
            f"{' '.join(teacher.classes)}, the data {' '.join(dataset.classes)}; choose another "
            "teacher, or learn from the labels alone with --set distillation=null"
        )
    trained_on = teacher.card.data.splits["train"].sha256
    if trained_on != hash_split(dataset.splits["train"]):
        raise TrainingError(
            f"distillation.teacher: {settings.teacher} was trained on another train split, so it "
            "may know the validation images; train with the teacher's data, --seed "
            f"{teacher.card.lineage.seed} and validation_fraction "
            f"{teacher.card.data.validation_fraction}"
        )
    return teacher


def mix_targets(targets: Tensor, logits: NDArray[np.float32], settings: Distillation) -> Tensor:
    """Mixes one-hot targets (N, K) with a teacher's answers to the unaugmented images.

    After Hinton, Vinyals and Dean 2015, https://arxiv.org/abs/1503.02531, with the student at
    temperature 1, so that the targets are computed once.

    Args:
        targets: (N, K) float32.
        logits: The teacher's, (N, K).
        settings: The teacher's weight and temperature.

    Returns:
        Targets (N, K) float32, each row of sum 1.
    """
    soft = torch.softmax(torch.from_numpy(logits) / settings.temperature, dim=1)
    return torch.lerp(targets, soft.to(targets.device), settings.weight)


def mixup(
    images: Tensor, targets: Tensor, *, alpha: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Mixes each image of a batch with another of it (Zhang, Cisse, Dauphin and Lopez-Paz 2018).

    The weight of the image itself is drawn from the upper half of Beta(alpha, alpha), so that it
    stays the dominant one.

    Args:
        images: (B, C, H, W) float32.
        targets: (B, K) float32.
        alpha: Above 0; at 0.2 most pairs are hardly mixed, at 1 all weights are equally likely.
        generator: Source of the random numbers, on the CPU.

    Returns:
        Images (B, C, H, W) and targets (B, K).
    """
    count = len(images)
    draws = torch.rand(count, generator=generator, dtype=torch.float64)
    weights = torch.from_numpy(betaincinv(alpha, alpha, draws.numpy())).float()
    weights = torch.maximum(weights, 1 - weights).to(images.device)
    others = torch.randperm(count, generator=generator).to(images.device)
    mixed = torch.lerp(images[others], images, weights[:, None, None, None])
    return mixed, torch.lerp(targets[others], targets, weights[:, None])
