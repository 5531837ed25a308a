"""Copies are planted among photos of other things, and told apart by where they lie."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from hangtag.datasets.image_quality import ImageQuality
from hangtag.datasets.near_duplicates import find_photo_duplicates
from tests.datasets.made_photos import cut_samples, list_images

COUNT = 20


def save_anew(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved anew": save_anew,
    "scaled": lambda image: image.resize((150, 150)),
    "lighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "trimmed": lambda image: image.crop((3, 3, image.width - 3, image.height - 3)),
}


def test_photos_of_other_things_are_no_copies() -> None:
    assert find_photo_duplicates(list_images(cut_samples(COUNT))) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_near(change: str) -> None:
    images = cut_samples(COUNT)
    (copy,) = find_photo_duplicates(list_images([*images, CHANGES[change](images[3])]))
    assert (copy.position, copy.other) == (COUNT, 3)
    assert (copy.kind, copy.by, copy.across) == ("near", "hash", ())
    assert 0.84 < copy.value <= 1


def test_the_copy_that_spoils_most_is_named() -> None:
    """One of another split and supplier goes before one that is merely earlier."""
    images = [*cut_samples(3), *[cut_samples(1)[0]] * 3]
    photos = list_images(
        images,
        splits=["train", "train", "train", "test", "test", "train"],
        suppliers=["A", "A", "A", "A", "B", "B"],
        labels=["x", "x", "x", "x", "x", "y"],
    )
    copies = find_photo_duplicates(photos)
    assert {(item.position, item.other, item.across) for item in copies} == {
        (3, 0, ("splits",)),
        (4, 0, ("splits", "suppliers")),
        (5, 3, ("splits", "suppliers", "labels")),
    }
    assert copies[0].position == 5
    assert all((item.kind, item.by, item.value) == ("exact", "pixels", 1.0) for item in copies)
    assert ImageQuality(photos, [], copies).duplicate_counts == {
        "exact": {"items": 3, "splits": 3, "suppliers": 2, "labels": 1},
        "near": {"items": 0, "splits": 0, "suppliers": 0, "labels": 0},
    }


def test_embeddings_find_what_the_hash_cannot() -> None:
    images = cut_samples(COUNT)
    embeddings = np.random.default_rng(0).normal(3, 1, (COUNT, 64)).astype(np.float32)
    embeddings[9] = embeddings[4] + 0.1
    (copy,) = find_photo_duplicates(list_images(images), embeddings)
    assert (copy.position, copy.other, copy.by) == (9, 4, "embedding")
    assert copy.value > 0.9


def test_blank_photos_are_copies_only_of_their_own_colour() -> None:
    colours = ("white", "white", "red")
    blanks = [Image.new("RGB", (300, 300), colour) for colour in colours]
    (copy,) = find_photo_duplicates(list_images(blanks))
    assert (copy.position, copy.other, copy.kind) == (1, 0, "exact")
