"""Changes of colour against Pillow's, and against what the words mean."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from hangtag.training.augment import change_colour, random_colour

SAME = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


def make_images(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def change(images: Tensor, **values: float) -> Tensor:
    settings = {name: torch.full((len(images),), v) for name, v in {**SAME, **values}.items()}
    return change_colour(images, **settings)


def by_pillow(images: Tensor, enhancer: Any, factor: float) -> Tensor:
    changed = []
    for image in images:
        pixels = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        changed.append(np.array(enhancer(Image.fromarray(pixels)).enhance(factor)))
    return torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize(
    ("name", "enhancer"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
def test_changes_are_those_of_pillow(name: str, enhancer: Any, factor: float) -> None:
    images = make_images()
    expected = by_pillow(images, enhancer, factor)
    torch.testing.assert_close(change(images, **{name: factor}), expected, atol=0.012, rtol=0)


def test_a_turn_of_the_hue_keeps_luma_and_a_whole_turn_keeps_all() -> None:
    images = make_images() * 0.2 + 0.4  # far from black and white, so that nothing is cut off
    luma = torch.tensor([0.299, 0.587, 0.114])
    turned = change(images, hue=120)
    assert not torch.allclose(turned, images, atol=0.05)
    before, after = (torch.einsum("c,bchw->bhw", luma, batch) for batch in (images, turned))
    torch.testing.assert_close(after, before, atol=2e-3, rtol=0)
    thrice = change(change(turned, hue=120), hue=120)
    torch.testing.assert_close(thrice, images, atol=1e-3, rtol=0)
    grey = torch.full((1, 3, 2, 2), 0.5)
    torch.testing.assert_close(change(grey, hue=90), grey, atol=1e-3, rtol=0)


def test_each_image_gets_its_own_numbers_and_a_seed_repeats() -> None:
    images = make_images(1).expand(6, 3, 8, 9)
    options = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.4, "hue": 20.0}
    first, second = (
        random_colour(images, **options, generator=torch.Generator().manual_seed(1))
        for _ in range(2)
    )
    assert first.equal(second)
    assert len({float(batch.sum()) for batch in first}) == 6
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize(
    "changes", [{"brightness": 1.5}, {"contrast": -0.1}, {"saturation": 2}, {"hue": 190}]
)
def test_what_is_out_of_range_is_refused(changes: dict[str, float]) -> None:
    options = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0, **changes}
    with pytest.raises(ValueError, match=next(iter(changes))):
        random_colour(make_images(), **options, generator=torch.Generator())


def test_grey_images_are_refused() -> None:
    with pytest.raises(ValueError, match="three channels"):
        change(torch.rand(2, 1, 4, 4))
