"""Compares OOD scores on images that are not garments: AUROC and fraction called unknown.

    python -m benchmarks.unknown [MODEL]

The first table compares scores computed from the embedding and the logits of a model. They are
fitted on a fifth of the train split, and their thresholds keep 98 % of the validation split. The
second table has the score inside the model with its own threshold, on arrays and on image files,
which `predict` prepares as photos. The test split is the in-distribution data.
"""

import io
import sys
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import hangtag
from benchmarks.printing import print_table
from hangtag.datasets import split_dataset
from hangtag.decisions.ood import choose_ood_threshold, fit_embeddings, relative_distance
from hangtag.images.decoding import decode_image
from hangtag.images.spec import ImageSpec
from hangtag.models.classifier import Classifier

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]
Score = Callable[[Values, Values], Values]
"""Takes logits (N, K) and embeddings (N, D); higher is less like the training data, (N,)."""

SIDE = 28
COUNT = 1000
NEIGHBOURS = 10
PHOTOS = (
    *("astronaut", "camera", "coffee", "chelsea", "coins", "page", "text", "clock", "moon"),
    *("rocket", "brick", "grass", "gravel", "hubble_deep_field", "immunohistochemistry"),
)
"""Sample photos that come with scikit-image, none of clothes alone."""


def main() -> None:
    """Measures and prints."""
    model = hangtag.load(sys.argv[1] if len(sys.argv) > 1 else "fashion-mnist")
    dataset = split_dataset(
        hangtag.load_dataset("fashion-mnist"),
        fraction=model.card.data.validation_fraction,
        seed=model.card.lineage.seed,
    )
    train = dataset.splits["train"].take(np.arange(0, len(dataset.splits["train"]), 5))
    scores = make_scores(model.embed(train.images), train.labels)
    held_out = judge(model, dataset.splits["validation"].images, scores)
    limits = {name: choose_ood_threshold(values) for name, values in held_out.items()}
    garments = judge(model, dataset.splits["test"].images, scores)
    rows = [["garments (test split)", *(f"{(garments[n] > limits[n]).mean():.0%}" for n in scores)]]
    ood = ood_images(dataset.splits["test"].images)
    for kind, images in ood.items():
        found = judge(model, images, scores)
        rows.append(
            [f"{kind} ({len(images):,})"]
            + [
                f"{area(garments[n], found[n]):.3f}, {(found[n] > limits[n]).mean():.0%}"
                for n in scores
            ]
        )
    print_table(f"AUROC, called unknown: {model.card.name}", ["what", *scores], rows)
    rows = judge_shipped(model, dataset.splits["test"].images, ood)
    print_table("the score inside the model", ["what", "arrays", "image files"], rows)


def judge_shipped(
    model: Classifier, garments: Pixels, ood: Mapping[str, Pixels]
) -> list[list[str]]:
    """Returns AUROC and fraction called unknown of each kind, as arrays and by way of PNG files."""
    known = model.run(garments).ood_scores
    rows = []
    for kind, images in ood.items():
        row = [f"{kind} ({len(images):,})"]
        for pixels in (images, np.stack([read_as_file(image) for image in images])):
            found = model.run(pixels).ood_scores
            fraction = (found > model.card.policy.ood_threshold).mean()
            row.append(f"{area(known, found):.3f}, {fraction:.0%}")
        rows.append(row)
    return rows


def read_as_file(image: Pixels) -> Pixels:
    """Returns what `predict` makes of an image (28, 28) that comes as a PNG file."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    return decode_image(content.getvalue(), ImageSpec(SIDE, SIDE)).pixels


def make_scores(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Score]:
    """Returns the scores by name; those that learn do so from embeddings (N, D), labels (N,)."""
    known = fit_embeddings(embeddings, labels)
    neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine").fit(embeddings)

    def nearest_class(_: Values, e: Values) -> Values:
        whitened = (e - known.mean) @ known.directions @ known.within
        centres = known.centres @ known.within
        each = np.stack([((whitened - centre) ** 2).sum(axis=1) for centre in centres])
        nearest: Values = each.min(axis=0)
        return nearest

    return {
        "maximum softmax": lambda logits, _: logsumexp(logits, axis=1) - logits.max(axis=1),
        "maximum logit": lambda logits, _: -logits.max(axis=1),
        "energy": lambda logits, _: -logsumexp(logits, axis=1),
        "Mahalanobis": nearest_class,
        "relative Mahalanobis": lambda _, e: relative_distance(e.astype(np.float32), known),
        f"{NEIGHBOURS} neighbours": lambda _, e: neighbours.kneighbors(e)[0][:, -1],
    }


def judge(model: Classifier, images: Pixels, scores: Mapping[str, Score]) -> dict[str, Values]:
    """Returns every score of images (N, 28, 28), by name."""
    logits = model.run(images).logits.astype(np.float64)
    embeddings = model.embed(images).astype(np.float64)
    return {name: score(logits, embeddings) for name, score in scores.items()}


def area(garments: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """Returns the area under the ROC curve, 0-1; 1 if every other has a higher score."""
    truth = np.repeat([0, 1], [len(garments), len(others)])
    return float(roc_auc_score(truth, np.concatenate([garments, others])))


def ood_images(garments: Pixels) -> dict[str, Pixels]:
    """Makes images (N, 28, 28) by kind; some are made of garments (M, 28, 28)."""
    random = np.random.default_rng(0)
    some, others = garments[:COUNT], garments[COUNT : 2 * COUNT]
    smooth = np.stack(
        [gaussian_filter(noise, 2) for noise in random.normal(size=(COUNT, SIDE, SIDE))]
    )
    smooth -= smooth.min(axis=(1, 2), keepdims=True)
    smooth *= 255 / smooth.max(axis=(1, 2), keepdims=True)
    return {
        "digits": np.stack([resize(digit * 255 / 16) for digit in load_digits().images]),
        "photos": cut_photos(random),
        "text": np.stack([write_text(random) for _ in range(COUNT)]),
        "noise": random.integers(0, 256, (COUNT, SIDE, SIDE), dtype=np.uint8),
        "smooth noise": smooth.astype(np.uint8),
        "blank": np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, SIDE, SIDE)),
        "inverted garments": 255 - some,
        "garments on their side": np.rot90(some, axes=(1, 2)),
        "garments upside down": np.rot90(some, 2, axes=(1, 2)),
        "two garments": np.stack([put_together(*two) for two in zip(some, others, strict=True)]),
    }


def resize(values: NDArray[np.floating], *, width: int = SIDE, height: int = SIDE) -> Pixels:
    """Resizes one image of values 0-255 by averaging or interpolating."""
    image = Image.fromarray(values.astype(np.uint8))
    filter_ = Image.Resampling.BOX if image.width > width else Image.Resampling.BICUBIC
    return np.asarray(image.resize((width, height), filter_))


def cut_photos(random: np.random.Generator) -> Pixels:
    """Cuts squares out of the sample photos that come with scikit-image."""
    from skimage import data

    photos = [getattr(data, name)() for name in PHOTOS]
    cuts = []
    for photo in photos:
        grey = np.asarray(Image.fromarray(photo).convert("L"))
        for _ in range(COUNT // len(photos)):
            side = random.integers(min(grey.shape) // 4, min(grey.shape))
            top, left = (random.integers(0, length - side + 1) for length in grey.shape)
            cuts.append(resize(grey[top : top + side, left : left + side].astype(np.float64)))
    return np.stack(cuts)


def write_text(random: np.random.Generator) -> Pixels:
    """Writes one to three lines of letters, bright on black."""
    image = Image.new("L", (SIDE, SIDE), 0)
    for line in range(random.integers(1, 4)):
        letters = "".join(random.choice(list("ABCDEFGHKLMNPRSTabcdefghkmnprst0123456789"), 5))
        place = (int(random.integers(0, 4)), 2 + 9 * line)
        ImageDraw.Draw(image).text(place, letters, fill=int(random.integers(120, 256)))
    return np.asarray(image)


def put_together(one: Pixels, other: Pixels) -> Pixels:
    """Puts two garments side by side, each at half its size."""
    half = SIDE // 2
    pair = [resize(image.astype(np.float64), width=half, height=half) for image in (one, other)]
    return np.pad(np.hstack(pair), ((half // 2, half // 2), (0, 0)))


if __name__ == "__main__":
    main()
