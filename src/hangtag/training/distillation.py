"""Targets that mix the labels with the answers of a teacher, a model trained before."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hangtag.datasets import Dataset
from hangtag.datasets.dataset import hash_split
from hangtag.errors import TrainingError
from hangtag.models.classifier import Classifier
from hangtag.training.recipes.schema import Distillation


def load_teacher(settings: Distillation, dataset: Dataset) -> Classifier:
    """Loads the teacher and checks that it may teach on `dataset`.

    Raises:
        ModelError: There is no such model, or it is damaged.
        TrainingError: It has other classes, or learned from another train split, so that it may
            know the images that the student is judged by.
    """
    teacher = Classifier.load(settings.teacher)
    if teacher.classes != dataset.classes:
        raise TrainingError(
            f"distillation.teacher: {settings.teacher} knows {' '.join(teacher.classes)}, the data "
            f"have {' '.join(dataset.classes)}; choose another teacher, or learn from "
            "the labels alone with --set distillation=null"
        )
    learned = teacher.card.data.splits["train"].sha256
    if learned != hash_split(dataset.splits["train"]):
        raise TrainingError(
            f"distillation.teacher: {settings.teacher} was trained on another train split, so it "
            "may know the validation images; train with the teacher's data, --seed "
            f"{teacher.card.lineage.seed} and validation_fraction "
            f"{teacher.card.data.validation_fraction}"
        )
    return teacher


def mix_targets(targets: Tensor, logits: NDArray[np.float32], settings: Distillation) -> Tensor:
    """Mixes one-hot targets (N, K) with a teacher's answers to the same images as they are.

    After Hinton, Vinyals and Dean 2015, https://arxiv.org/abs/1503.02531, with the student at
    temperature 1, so that the targets are made once.

    Args:
        targets: (N, K) float32.
        logits: The teacher's, (N, K).
        settings: The teacher's weight and temperature.

    Returns:
        Targets (N, K) float32, each row of sum 1.
    """
    soft = torch.softmax(torch.from_numpy(logits) / settings.temperature, dim=1)
    return torch.lerp(targets, soft.to(targets.device), settings.weight)
