import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from torch import Generator, Tensor

from hangtag.training.augment import (
    affine,
    center_crop,
    framing,
    random_affine,
    random_erasing,
    random_horizontal_flip,
    random_resized_crop,
    random_rotation,
    random_shift,
    resize,
    resized_crop,
    standardise_each,
)

Change = Callable[[Tensor, Generator], Tensor]

RANDOM: dict[str, Change] = {
    "affine": lambda images, generator: random_affine(
        images, rotation=20, zoom=0.2, width_shift=0.3, height_shift=0.1, generator=generator
    ),
    "rotation": lambda images, generator: random_rotation(images, degrees=90, generator=generator),
    "resized crop": lambda images, generator: random_resized_crop(
        images, size=(images.shape[2], images.shape[3]), generator=generator
    ),
    "flip": lambda images, generator: random_horizontal_flip(images, generator=generator),
    "shift": lambda images, generator: random_shift(images, pixels=2, generator=generator),
    "erasing": lambda images, generator: random_erasing(
        images, p=0.8, scale=(0.1, 0.6), generator=generator
    ),
}
CERTAIN: dict[str, Change] = {
    "resize": lambda images, _: resize(images, size=(images.shape[2], images.shape[3])),
    "center crop": lambda images, _: center_crop(images, size=(images.shape[2], images.shape[3])),
}
IDENTITY: dict[str, Change] = CERTAIN | {
    "affine": lambda images, generator: random_affine(
        images, rotation=0, zoom=0, width_shift=0, height_shift=0, generator=generator
    ),
    "rotation": lambda images, generator: random_rotation(images, degrees=0, generator=generator),
    "resized crop": lambda images, generator: resized_crop(
        images,
        top=torch.zeros(len(images)),
        left=torch.zeros(len(images)),
        height=torch.full((len(images),), images.shape[2]),
        width=torch.full((len(images),), images.shape[3]),
        size=(images.shape[2], images.shape[3]),
    ),
    "flip": lambda images, generator: random_horizontal_flip(images, p=0, generator=generator),
    "shift": lambda images, generator: random_shift(images, pixels=0, generator=generator),
    "erasing": lambda images, generator: random_erasing(images, p=0, generator=generator),
}

shapes = st.tuples(
    st.integers(1, 5), st.sampled_from([1, 3]), st.integers(4, 20), st.integers(4, 20)
)
seeds = st.integers(0, 2**32)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=seeded(seed))


@pytest.mark.parametrize("name", RANDOM)
@settings(deadline=None)
@given(shape=shapes, seed=seeds)
def test_shape_dtype_and_range_are_kept(
    name: str, shape: tuple[int, int, int, int], seed: int
) -> None:
    images = noise(*shape, seed=seed)
    changed = RANDOM[name](images, seeded(seed))
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6


@pytest.mark.parametrize("name", IDENTITY)
@settings(deadline=None)
@given(shape=shapes, seed=seeds)
def test_nothing_asked_for_changes_nothing(
    name: str, shape: tuple[int, int, int, int], seed: int
) -> None:
    images = noise(*shape, seed=seed)
    torch.testing.assert_close(IDENTITY[name](images, seeded(seed)), images, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", RANDOM)
def test_same_seed_gives_same_images(name: str) -> None:
    images = noise(64, 1, 12, 9)
    first, second, other = (RANDOM[name](images, seeded(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", RANDOM)
def test_generator_advances_by_the_same_amount_whatever_the_images(name: str) -> None:
    small, large = seeded(3), seeded(3)
    RANDOM[name](noise(7, 1, 6, 6), small)
    RANDOM[name](noise(7, 3, 25, 11), large)
    assert torch.equal(small.get_state(), large.get_state())


@pytest.mark.parametrize("name", RANDOM)
def test_images_of_a_batch_are_changed_apart(name: str) -> None:
    same = noise(1, 1, 12, 9).expand(32, -1, -1, -1)
    changed = RANDOM[name](same, seeded())
    assert len({image.numpy().tobytes() for image in changed}) > 1


@pytest.mark.parametrize("name", RANDOM)
def test_channels_move_together(name: str) -> None:
    images = noise(16, 1, 12, 9).expand(-1, 3, -1, -1)
    changed = RANDOM[name](images, seeded())
    torch.testing.assert_close(changed[:, :1].expand(-1, 3, -1, -1), changed, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", RANDOM | CERTAIN)
def test_memory_format_does_not_matter(name: str) -> None:
    images = noise(16, 3, 12, 9)
    change = (RANDOM | CERTAIN)[name]
    strided = images.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(
        change(images, seeded()), change(strided, seeded()), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("name", RANDOM | IDENTITY)
def test_result_is_a_new_tensor(name: str) -> None:
    images = noise(8, 1, 12, 9)
    before = images.clone()
    (RANDOM | IDENTITY)[name](images, seeded()).fill_(0.5)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", RANDOM | CERTAIN)
def test_result_stays_on_the_device_of_the_images(name: str) -> None:
    # Tensors on "meta" refuse to mix with the CPU, so this finds a forgotten move everywhere.
    images = torch.empty(8, 3, 12, 9, device="meta")
    changed = (RANDOM | CERTAIN)[name](images, seeded())
    assert changed.device.type == "meta"
    assert changed.shape == images.shape


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", RANDOM | CERTAIN)
def test_cuda_augments_like_the_cpu(name: str) -> None:
    images = noise(64, 3, 28, 28)
    change = (RANDOM | CERTAIN)[name]
    on_cpu, on_cuda = change(images, seeded()), change(images.cuda(), seeded()).cpu()
    differing = ((on_cpu - on_cuda).abs() > 1e-4).float().mean()
    assert differing < 1e-3  # the nearest pixel may be another one where two are equally near


def test_affine_zoom_above_one_shrinks_and_shift_above_zero_moves_up_and_left() -> None:
    images = torch.zeros(1, 1, 9, 13)
    images[0, 0, 4, 6] = 1
    one, zero = torch.ones(1), torch.zeros(1)
    moved = affine(
        images, theta=zero, zoom_rows=one, zoom_columns=one, shift_rows=one, shift_columns=2 * one
    )
    assert moved[0, 0, 3, 4] == pytest.approx(1, abs=1e-5)
    square = torch.zeros(1, 1, 9, 13)
    square[0, 0, 2:7, 4:9] = 1
    shrunk = affine(
        square,
        theta=zero,
        zoom_rows=2 * one,
        zoom_columns=one,
        shift_rows=zero,
        shift_columns=zero,
    )
    assert shrunk.sum(2).max() == pytest.approx(3, abs=1e-4)
    assert shrunk.sum(3).max() == pytest.approx(5, abs=1e-4)


def test_shift_from_one_on_counts_pixels() -> None:
    ramp = torch.arange(28.0).div(27).expand(500, 1, 28, 28)
    changed = random_affine(
        ramp, rotation=0, zoom=0, width_shift=2, height_shift=0, generator=seeded()
    )
    shifts = changed[:, 0, 0, 14] * 27 - 14
    assert shifts.abs().max() == pytest.approx(2, abs=0.05)


def test_flip_mirrors_as_often_as_asked() -> None:
    images = noise(2000, 1, 2, 3)
    changed = random_horizontal_flip(images, p=0.3, generator=seeded())
    mirrored = (changed == images.flip(3)).all(3).all(2).squeeze(1)
    kept = (changed == images).all(3).all(2).squeeze(1)
    assert torch.all(mirrored ^ kept)
    assert mirrored.float().mean() == pytest.approx(0.3, abs=0.04)
    assert torch.equal(random_horizontal_flip(images, p=1, generator=seeded()), images.flip(3))


def test_shift_reaches_every_place_equally_and_repeats_the_edge() -> None:
    image = noise(1, 2, 5, 7)
    changed = random_shift(image.expand(1800, -1, -1, -1), pixels=1, generator=seeded())
    padded = np.pad(image[0].numpy(), ((0, 0), (1, 1), (1, 1)), mode="edge")
    counts = [
        int((changed == torch.from_numpy(padded[:, y : y + 5, x : x + 7])).flatten(1).all(1).sum())
        for y in range(3)
        for x in range(3)
    ]
    assert sum(counts) == 1800
    assert min(counts) > 140
    assert max(counts) < 260


def bounding_boxes(holes: Tensor) -> Iterator[tuple[int, int, int, int]]:
    """Yields top, left, height and width of what is true in each (H, W)."""
    for hole in holes:
        rows, columns = hole.any(1).nonzero(), hole.any(0).nonzero()
        height, width = len(rows), len(columns)
        assert int(hole.sum()) == height * width  # one full rectangle
        if height:
            yield int(rows[0]), int(columns[0]), height, width


def test_erasing_paints_boxes_of_the_asked_area_and_shape() -> None:
    images = torch.ones(2000, 2, 40, 60)
    changed = random_erasing(images, p=0.75, scale=(0.1, 0.3), ratio=(0.5, 2), generator=seeded())
    assert set(changed.flatten().tolist()) == {0.0, 1.0}
    assert torch.equal(changed[:, 0], changed[:, 1])
    boxes = np.array(list(bounding_boxes(changed[:, 0] == 0)))
    tops, lefts, heights, widths = boxes.T
    assert len(boxes) / 2000 == pytest.approx(0.75, abs=0.04)
    areas, shapes_ = heights * widths / 2400, heights / widths
    assert areas.min() == pytest.approx(0.1, abs=0.01)
    assert areas.max() == pytest.approx(0.3, abs=0.01)
    assert shapes_.min() == pytest.approx(0.5, abs=0.05)
    assert shapes_.max() == pytest.approx(2, abs=0.15)
    assert abs(np.log(shapes_).mean()) < 0.03
    assert tops.min() == 0
    assert lefts.min() == 0
    assert (tops + heights).max() == 40
    assert (lefts + widths).max() == 60


def test_erasing_paints_a_fixed_square() -> None:
    changed = random_erasing(
        torch.ones(50, 1, 28, 28), p=1, scale=(0.25, 0.25), ratio=(1, 1), generator=seeded()
    )
    assert {box[2:] for box in bounding_boxes(changed[:, 0] == 0)} == {(14, 14)}


@pytest.mark.parametrize(("scale", "ratio"), [((0.9, 1.0), (3.0, 3.0)), ((1.0, 1.0), (1.0, 1.0))])
def test_erasing_leaves_an_image_that_no_box_fits(
    scale: tuple[float, float], ratio: tuple[float, float]
) -> None:
    images = noise(20, 1, 8, 8)
    changed = random_erasing(images, p=1, scale=scale, ratio=ratio, generator=seeded())
    assert torch.equal(changed, images)


def crop_boxes_one_by_one(count: int, height: int, width: int) -> Iterator[tuple[int, ...]]:
    """torchvision's procedure with its default scale and ratio, one image at a time."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        for _ in range(10):
            area = height * width * rng.uniform(0.08, 1)
            aspect = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
            h, w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < h <= height and 0 < w <= width:
                yield int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
                break


def test_resized_crop_draws_boxes_like_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Tensor] = {}
    monkeypatch.setattr(framing, "resized_crop", lambda images, **box: drawn.update(box))
    random_resized_crop(torch.zeros(4000, 1, 28, 35), size=1, generator=seeded())
    expected = np.array(list(crop_boxes_one_by_one(4000, 28, 35))).T
    for name, values in zip(("top", "left", "height", "width"), expected, strict=True):
        assert ks_2samp(drawn[name].numpy(), values).pvalue > 0.001, name
    assert (drawn["top"] + drawn["height"]).max() == 28
    assert (drawn["left"] + drawn["width"]).max() == 35


@pytest.mark.parametrize(
    ("ratio", "top", "left", "height", "width"),
    [((2.0, 2.0), 7, 0, 14, 28), ((0.5, 0.5), 0, 7, 28, 14)],
)
def test_resized_crop_falls_back_to_the_centre(
    ratio: tuple[float, float], top: int, left: int, height: int, width: int
) -> None:
    images = noise(6, 1, 28, 28)
    changed = random_resized_crop(images, size=9, scale=(1, 1), ratio=ratio, generator=seeded())
    centre = images[:, :, top : top + height, left : left + width]
    torch.testing.assert_close(changed, resize(centre, size=(9, 9)), atol=1e-5, rtol=0)


@settings(deadline=None)
@given(
    box=st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 10), st.integers(1, 10)),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_resized_crop_equals_cutting_then_resizing(
    box: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    images = noise(2, 3, 19, 19)
    top, left, height, width = box
    changed = resized_crop(
        images,
        top=torch.tensor([top, 0]),
        left=torch.tensor([left, 0]),
        height=torch.tensor([height, 19]),
        width=torch.tensor([width, 19]),
        size=size,
    )
    cut = images[:1, :, top : top + height, left : left + width]
    expected = torch.cat((resize(cut, size=size), resize(images[1:], size=size)))
    torch.testing.assert_close(changed, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((28, 28), 14, (14, 14)), ((20, 31), 10, (10, 15)), ((31, 20), 40, (62, 40))],
)
def test_resize_to_a_number_keeps_the_proportion(
    shape: tuple[int, int], size: int, expected: tuple[int, int]
) -> None:
    assert resize(noise(2, 3, *shape), size=size).shape == (2, 3, *expected)


def test_standardise_each_gives_every_image_a_deviation_of_one() -> None:
    images = noise(6, 3, 5, 4) * torch.linspace(0.1, 1, 6)[:, None, None, None]
    scaled = standardise_each(images)
    assert scaled.std((1, 2, 3), correction=0).tolist() == pytest.approx([1] * 6, rel=1e-4)
    assert torch.allclose(scaled / images, (scaled / images)[:, :1, :1, :1])
    centred = standardise_each(images, centre=True)
    assert centred.mean((1, 2, 3)).tolist() == pytest.approx([0] * 6, abs=1e-5)


def test_standardise_each_survives_one_colour() -> None:
    assert torch.equal(
        standardise_each(torch.zeros(2, 1, 3, 3), centre=True), torch.zeros(2, 1, 3, 3)
    )
