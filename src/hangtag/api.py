"""The functions of the public API: load, predict, train, evaluate, audit, load_dataset.

Each one takes a path or an object, and calls what its command calls. Nothing is printed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hangtag.decisions.risk_control import DEFAULT_TARGET_PRECISION

if TYPE_CHECKING:
    from hangtag.audit.result import AuditResult
    from hangtag.audit.run import AuditOptions
    from hangtag.datasets import Dataset
    from hangtag.evaluation.model_evaluation import ModelEvaluation
    from hangtag.models.classifier import Classifier
    from hangtag.models.predictions import Predictions
    from hangtag.readers import AnyImages
    from hangtag.training.networks import NetworkSource
    from hangtag.training.recipes import Recipe
    from hangtag.training.train import TrainingResult


def load(model: str | Path) -> "Classifier":
    """Loads and verifies a model by its shipped name, its folder or its run folder.

    Raises:
        ModelError: There is no such model, or it is not what it was when it was written.
    """
    from hangtag.models.classifier import Classifier

    return Classifier.load(model)


def predict(
    images: "AnyImages",
    *,
    model: "str | Path | Classifier" = "auto",
    precision: float = DEFAULT_TARGET_PRECISION,
) -> "Predictions":
    """Predicts images of any kind and size, in their order.

    Args:
        images: As in `Classifier.predict`.
        model: A classifier, a shipped name, a model folder or a run folder; ``auto`` uses
            ``fashion-mnist`` for grey images of 28x28 pixels and ``clothing-photos`` for others.
        precision: Target precision of what is accepted, in (0, 1).

    Returns:
        One prediction per image. An image that cannot be read has the decision ``error``.

    Raises:
        ModelError: There is no such model, or it is damaged.
        DataError: There is no such file or folder, a folder holds no image, an array cannot hold
            images, or a model has no thresholds for this precision.
    """
    from hangtag.images.decoder_pool import DecoderPool
    from hangtag.models.classifier import Classifier
    from hangtag.models.image_batches import FEW, split_off
    from hangtag.models.predictions import Prediction, Predictions
    from hangtag.models.router import Router
    from hangtag.pipeline.predictor import Predictor, PredictorConfig, predict_stream

    few, records = split_off(images)
    workers = 0 if len(few) <= FEW else None
    predictions = Predictions()
    with (
        Predictor(Router.of(model), DecoderPool(workers))
        if isinstance(model, Classifier)
        else PredictorConfig(str(model), workers).build()
    ) as predictor:
        for row in predict_stream(records, predictor, precision=precision):
            if row.error:
                predictions.append(Prediction.of_error(row.record.name, row.error))
            elif row.prediction:
                predictions.append(row.prediction.named(row.record.name))
    return predictions


def load_dataset(
    data: str | Path, *, offline: bool = False, taxonomy: Path | None = None
) -> "Dataset":
    """Loads a data set: ``fashion-mnist``, IDX files, pixel CSVs, class folders or a table.

    Args:
        data: A name or a path.
        offline: Whether to fetch nothing from the network.
        taxonomy: CSV file of the user's own categories, which the labels then name.

    Raises:
        DataError: `data` is none of the kinds, or cannot be read.
        FetchError: A data set that is known by name cannot be obtained.
    """
    from hangtag.datasets import load_dataset as load_any

    return load_any(data, offline=offline, taxonomy=taxonomy)


def evaluate(
    model: "str | Path | Classifier",
    data: "str | Path | Dataset",
    *,
    split: str | None = None,
    offline: bool = False,
) -> "ModelEvaluation":
    """Evaluates a model on labelled data.

    Args:
        model: A classifier, a shipped name, a model folder or a run folder.
        data: A dataset with images of the size of the model, a name or a path.
        split: ``train``, ``validation`` or ``test``; by default the last of them that there is.
        offline: Whether to fetch nothing from the network.

    Raises:
        ModelError: There is no such model, or it is damaged.
        DataError: The data cannot be read, or has labels that the model does not know.
    """
    from hangtag.datasets import load_dataset as load_any
    from hangtag.evaluation.model_evaluation import evaluate_model
    from hangtag.models.classifier import Classifier

    classifier = model if isinstance(model, Classifier) else Classifier.load(model)
    if isinstance(data, str | Path):
        data = load_any(data, spec=classifier.card.input, offline=offline)
    return evaluate_model(classifier, data, split=split)


def audit(
    feed: str | Path,
    *,
    model: "str | Path | Classifier | None" = None,
    out: str | Path | None = None,
    options: "AuditOptions | None" = None,
) -> "AuditResult":
    """Finds what brands mean by their labels, and wrong labels; needs the audit extra.

    Args:
        feed: A table of items with the columns ``image``, ``label`` and ``supplier``.
        model: A classifier, a shipped name, a model folder or a run folder; by default the shipped
            model for the images of the feed.
        out: Folder for the tables and the page; None writes nothing.
        options: Settings.

    Raises:
        MissingExtraError: The audit extra is not installed.
        DataError: The feed cannot be read.
        ModelError: There is no such model, or it is damaged.
        OutputError: The folder cannot be written.
    """
    from hangtag.environment import require_extra

    require_extra("audit", "the audit")
    from hangtag.audit.run import run_audit

    return run_audit(feed, model=model, out=None if out is None else Path(out), options=options)


def train(
    data: "str | Path | Dataset",
    *,
    recipe: "str | Path | Recipe | None" = None,
    out: str | Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
    init_from: str | Path | None = None,
    network: "NetworkSource | str | Mapping[str, Any] | None" = None,
    **settings: Any,
) -> "TrainingResult | None":
    """Trains a model on `data` into a run folder; needs the train extra.

    Args:
        data: A name, a path or a dataset with a train split.
        recipe: A shipped name, a YAML file or a recipe; by default one that fits the images.
        out: The run folder; by default ``runs/train-1``, then 2, ...
        seed: Decides everything random; by default 0.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Continue the run in `out`, as if it had never stopped.
        init_from: A shipped model, a model folder or a run folder to fine-tune.
        network: The recipe's field of this name, such as ``"tiny"``; or a `torch.nn.Module` of
            your own, or a class or factory of one that takes ``classes``, ``channels`` and
            ``size``.
        **settings: Fields of the recipe to change: ``epochs=3``,
            ``optimiser={"learning_rate": 0.01}``.

    Returns:
        What the training left; None only in the second and later processes of torchrun.

    Raises:
        MissingExtraError: The train extra, or one that the recipe needs, is not installed.
        DataError: The data cannot be read, split, or tell no classes apart.
        RecipeError: No such recipe, an unknown field or an impossible value.
        TrainingError: `out` is not free or does not fit what is to be resumed, or the loss
            diverged.
    """
    from hangtag.environment import require_extra

    require_extra("train", "training")
    from hangtag.training.train import train as run

    return run(
        data,
        recipe=recipe,
        out=out,
        seed=seed,
        device=device,
        resume=resume,
        init_from=init_from,
        network=network,
        **settings,
    )
