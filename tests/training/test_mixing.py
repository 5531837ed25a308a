import torch

from hangtag.training.targets import mixup


def test_images_and_targets_are_mixed_by_the_same_share() -> None:
    count = 400
    labels = torch.arange(count)
    images = labels.float()[:, None, None, None].expand(count, 3, 4, 4)
    targets = torch.eye(count)
    generator = torch.Generator().manual_seed(0)
    mixed, soft = mixup(images, targets, alpha=1.0, generator=generator)
    torch.testing.assert_close(mixed[:, 0, 0, 0], soft @ labels.float(), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(count))
    shares = soft[labels, labels]
    assert shares.min() >= 0.5
    assert 0.72 < shares.mean() < 0.78  # the mean of the upper half of a uniform share


def test_a_small_alpha_hardly_mixes_and_a_seed_repeats() -> None:
    images, targets = torch.rand(64, 1, 2, 2), torch.eye(64)
    first, second = (
        mixup(images, targets, alpha=0.1, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert first[0].equal(second[0])
    assert first[1].diagonal().median() > 0.99
