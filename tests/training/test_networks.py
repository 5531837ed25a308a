from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from hangtag.images.spec import ImageSpec
from hangtag.training.networks import CompactNet, Network, SeedNet, build_network
from hangtag.training.networks.seed import Dropout
from hangtag.training.recipes import load_recipe, parse_settings


def make_compact(*changes: str, **options: Any) -> CompactNet:
    network = build_network(
        load_recipe("express", settings=parse_settings(changes)), **{"classes": 10} | options
    )
    assert isinstance(network, CompactNet)
    return network


def make_seed(*changes: str, **options: Any) -> SeedNet:
    network = build_network(
        load_recipe("seed", settings=parse_settings(changes)), **{"classes": 10} | options
    )
    assert isinstance(network, SeedNet)
    return network


def make_images(count: int, *, channels: int = 1, size: tuple[int, int] = (28, 28)) -> Tensor:
    """Noise in which neighbours are alike, (count, C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, channels, size[0] + 2, size[1] + 2, generator=generator)
    return nn.functional.avg_pool2d(noise, 3, stride=1) * 3


def measure_moments(network: CompactNet, images: Tensor) -> Tensor:
    """Second moments of the stem's output without its bias, one row and column a filter."""
    with torch.no_grad():
        outputs = nn.functional.conv2d(images, network.stem.weight)
    flat = outputs.transpose(0, 1).flatten(1)
    return flat @ flat.T / flat.shape[1]


@pytest.mark.parametrize("recipe", ["seed", "express"])
@pytest.mark.parametrize("training", [True, False])
def test_forward_is_embed_then_classify(recipe: str, training: bool) -> None:
    changes = ["network.dropout=0"] if recipe == "seed" else []
    network = build_network(load_recipe(recipe, settings=parse_settings(changes)), classes=7).train(
        training
    )
    images = make_images(4)
    embeddings = network.embed(images)
    assert embeddings.shape == (4, 128)
    logits = network.classify(embeddings)
    assert logits.shape == (4, 7)
    torch.testing.assert_close(network(images), logits)


@pytest.mark.parametrize("recipe", ["seed", "express", "tiny"])
def test_the_first_layers_see_what_the_embedding_may_forget(recipe: str) -> None:
    network = build_network(load_recipe(recipe), classes=7).eval()
    images = make_images(4)
    embeddings, early = network.forward_features(images)
    torch.testing.assert_close(embeddings, network.embed(images))
    assert early is not None
    assert early.shape[0] == 4
    assert early.shape[2] < 28
    other = network.forward_features(1 - images).early
    assert other is not None
    assert not torch.allclose(early[0], other[0])


@pytest.mark.parametrize("make", [make_seed, make_compact])
def test_the_same_seed_gives_the_same_weights(make: Any) -> None:
    networks = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        networks.append(make())
    first, same, other = (nn.utils.parameters_to_vector(n.parameters()) for n in networks)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("make", [make_seed, make_compact])
@pytest.mark.parametrize(("channels", "size"), [(3, (28, 28)), (1, (33, 40))])
def test_networks_take_other_images(make: Any, channels: int, size: tuple[int, int]) -> None:
    network: Network = make(spec=ImageSpec(*size, channels)).eval()
    assert network(make_images(2, channels=channels, size=size)).shape == (2, 10)


def test_penalty_of_the_seed_is_the_square_sum_of_the_third_and_fourth_kernel() -> None:
    network = make_seed()
    kernels = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [tuple(kernel.shape[1:]) for kernel in kernels[2:]] == [(64, 5, 5), (64, 3, 3)]
    expected = 0.01 * sum((kernel.double() ** 2).sum().item() for kernel in kernels[2:])
    penalty = network.penalty()
    assert penalty is not None
    assert penalty.item() == pytest.approx(expected, rel=1e-5)
    penalty.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(kernels[2].grad, 0.02 * kernels[2])
    assert kernels[0].grad is None


def test_a_network_without_l2_has_no_penalty() -> None:
    assert make_seed("network.l2=0").penalty() is None
    assert make_compact().penalty() is None


def test_dropout_factor_scales_the_rates_of_the_seed() -> None:
    def rates(network: SeedNet) -> list[float]:
        return [m.p for m in network.modules() if isinstance(m, nn.Dropout)]

    assert rates(make_seed()) == [0.3, 0.4, 0.5, 0.25, 0.5, 0.5]
    assert rates(make_seed("network.dropout=0.5")) == [0.15, 0.2, 0.25, 0.125, 0.25, 0.25]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.125, 0.3, 0.5])
def test_dropout_drops_its_share_scales_the_rest_and_passes_the_gradient(
    dtype: torch.dtype, rate: float
) -> None:
    torch.manual_seed(0)
    x = torch.ones(50, 32, 28, 28, dtype=dtype).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    y = Dropout(rate)(x)
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / (1 - rate)).to(dtype).item()}
    dropped = (y == 0).double()
    # Five standard deviations, of the whole and of each channel.
    assert dropped.mean().item() == pytest.approx(rate, abs=5 * (0.25 / y.numel()) ** 0.5)
    of_channel = dropped.mean(dim=(0, 2, 3))
    assert (of_channel - rate).abs().max() < 5 * (0.25 / (50 * 28 * 28)) ** 0.5
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach())
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_dropout_repeats_with_the_seed_and_rests_in_evaluation() -> None:
    layer, x = Dropout(0.4), torch.rand(3, 5, 7, 7)
    masks = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        masks.append(layer(x))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


def test_norm_of_the_seed_is_that_of_pytorch_but_for_the_moving_variance() -> None:
    norm = next(m for m in make_seed().modules() if isinstance(m, nn.BatchNorm2d))
    reference = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
    for _ in range(3):
        batch = torch.randn(2, 32, 2, 2) * 2 + 1
        ours, theirs = batch.clone().requires_grad_(), batch.clone().requires_grad_()
        for layer, images in ((norm, ours), (reference, theirs)):
            (layer(images) ** 3).sum().backward()
        torch.testing.assert_close(norm(batch), reference(batch))
        torch.testing.assert_close(ours.grad, theirs.grad)
        torch.testing.assert_close(norm.running_mean, reference.running_mean)
    assert norm.running_var is not None
    assert reference.running_var is not None
    decayed = 0.99**6
    torch.testing.assert_close(
        (norm.running_var - decayed) * 8 / 7, reference.running_var - decayed
    )


@pytest.mark.parametrize("widths", [(32, 64, 64, 128), (8, 16), (16, 8, 24)])
def test_compact_widths_are_those_of_the_stem_and_the_groups(widths: tuple[int, ...]) -> None:
    network = make_compact(f"network.widths={list(widths)}")
    assert network.stem.out_channels == widths[0]
    assert network.embed(make_images(2)).shape == (2, widths[-1])
    convolutions = [m.out_channels for m in network.groups.modules() if isinstance(m, nn.Conv2d)]
    assert convolutions == [width for width in widths[1:] for _ in range(2)]


def test_flip_average_makes_an_image_and_its_mirror_image_one() -> None:
    network = make_compact().eval()
    images = make_images(5)
    torch.testing.assert_close(network(images), network(images.flip(3)))
    plain = make_compact("network.flip_average=false").eval()
    plain.load_state_dict(network.state_dict())
    assert not torch.allclose(plain(images), plain(images.flip(3)), atol=1e-3)
    expected = (plain(images) + plain(images.flip(3))) / 2
    torch.testing.assert_close(network(images), expected)


def test_flip_average_looks_once_in_training() -> None:
    torch.manual_seed(0)
    network = make_compact().train()
    plain = make_compact("network.flip_average=false").train()
    plain.load_state_dict(network.state_dict())
    images = make_images(5)
    torch.testing.assert_close(network(images), plain(images))


@pytest.mark.parametrize("channels", [1, 3])
def test_prepare_whitens_the_patches(channels: int) -> None:
    network = make_compact(spec=ImageSpec(28, 28, channels))
    images = make_images(200, channels=channels)
    patches = unfold(images, 2).transpose(1, 2).flatten(0, 1)
    filters = patches.shape[1]
    raw = patches.T @ patches / len(patches)
    assert (raw - raw.diag().diag()).abs().max() > 0.5  # neighbours are alike before
    untouched = network.stem.weight[2 * filters :].clone()
    network.initialise(images)
    whitened = measure_moments(network, images)[:filters, :filters]
    torch.testing.assert_close(whitened, torch.eye(filters), atol=0.02, rtol=0)
    weights = network.stem.weight
    assert torch.equal(weights[filters : 2 * filters], -weights[:filters])
    assert torch.equal(weights[2 * filters :], untouched)


def test_prepare_fills_a_stem_that_is_narrower_than_the_filters() -> None:
    network = make_compact("network.widths=[8, 16]", spec=ImageSpec(28, 28, 3))
    images = make_images(200, channels=3)
    network.initialise(images)
    torch.testing.assert_close(measure_moments(network, images), torch.eye(8), atol=0.02, rtol=0)


def test_prepare_of_blank_images_stays_finite() -> None:
    network = make_compact()
    network.initialise(torch.zeros(10, 1, 28, 28))
    assert torch.isfinite(network.stem.weight).all()


@pytest.mark.parametrize("widths", ["[16, 16]", "[16, 24]", "[16, 8]"])
def test_convolutions_start_by_handing_their_input_on(widths: str) -> None:
    network = make_compact(f"network.widths={widths}")
    convolutions = [m for m in network.groups.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 2
    for convolution in convolutions:
        x = torch.randn(2, convolution.in_channels, 8, 8)
        kept = min(16, convolution.out_channels)
        torch.testing.assert_close(convolution(x)[:, :kept], x[:, :kept])
