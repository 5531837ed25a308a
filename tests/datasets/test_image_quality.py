"""Faults of photos: each is planted in photos that are fine, and found there alone."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from skimage import measure

from hangtag.datasets.image_quality import find_quality_issues
from hangtag.images.quality import measure_blur
from tests.datasets.made_photos import cut_samples, list_images

Change = Callable[[Image.Image], Image.Image]


def wash_out(image: Image.Image) -> Image.Image:
    return image.point(lambda value: 255 if value > 100 else 232)


PLANTED: dict[str, Change] = {
    "small": lambda image: image.resize((200, 200)),
    "odd shape": lambda image: image.crop((0, 0, 80, image.height)),
    "blank": lambda image: Image.new("RGB", image.size, (250, 3, 90)),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(4)),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.25),
    "over-exposed": lambda image: image.point(lambda value: min(255, value * 10)),
    "pale": wash_out,
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_and_nothing_else(fault: str) -> None:
    images = cut_samples(10)
    images[6] = PLANTED[fault](images[6])
    found = find_quality_issues(list_images(images))
    assert [(issue.position, issue.kind) for issue in found] == [(6, fault)]


def test_the_worst_comes_first() -> None:
    images = [
        image.resize((side, side))
        for image, side in zip(cut_samples(3), (240, 90, 150), strict=True)
    ]
    assert [issue.value for issue in find_quality_issues(list_images(images))] == [90, 150, 240]


def test_a_white_ground_is_not_over_exposed() -> None:
    ground = Image.new("RGB", (300, 300), "white")
    ground.paste(cut_samples(1)[0].resize((120, 160)), (90, 70))
    assert find_quality_issues(list_images([ground])) == []


def test_bars_beside_a_photo_are_no_part_of_it() -> None:
    """White bars would make a dark photo bright."""
    dark = ImageEnhance.Brightness(cut_samples(1)[0]).enhance(0.25).crop((0, 0, 140, 280))
    noisy = np.array(dark)
    noisy[[0, -1]] = noisy[:, [0, -1]] = 0
    noisy[:, 0] = np.random.default_rng(0).integers(0, 100, (280, 3))
    (found,) = find_quality_issues(list_images([Image.fromarray(noisy)]))
    assert found.kind == "dark"


def test_blur_is_that_of_scikit_image_and_does_not_depend_on_contrast() -> None:
    for image in cut_samples(5):
        values = []
        for radius in (0, 1, 2, 4):
            pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(radius)))
            values.append(measure_blur(pixels))
            reference = measure.blur_effect(pixels, h_size=9, channel_axis=2)  # type: ignore[no-untyped-call]
            assert values[-1] == pytest.approx(reference, abs=0.2)
        assert values == sorted(values)
        pale = np.asarray(ImageEnhance.Contrast(image).enhance(0.3))
        assert measure_blur(pale) == pytest.approx(values[0], abs=0.08)
