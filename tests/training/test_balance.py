import pytest
import torch

from hangtag.training.recipes.schema import Balance
from hangtag.training.sampling import ClassBalance, Sampler, compute_class_prior

LABELS = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)


def test_without_settings_nothing_changes() -> None:
    plain = ClassBalance.of(Balance(), LABELS, classes=3)
    assert plain == ClassBalance()
    values = torch.rand(4, 3)
    assert plain.adjust(values) is values
    assert plain.weigh(values[:, 0], values) is not None


@pytest.mark.parametrize(("sampling", "expected"), [(1.0, 1 / 3), (0.5, 0.071)])
def test_sampling_draws_classes_as_often_as_asked(sampling: float, expected: float) -> None:
    balancing = ClassBalance.of(Balance(sampling=sampling), LABELS, classes=3)
    selection = Sampler(None, items=len(LABELS), rates=balancing.rates)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([selection.choose(done=0, generator=generator)[0] for _ in range(20)])
    assert len(drawn) == 20 * len(LABELS)
    assert (LABELS[drawn] == 2).float().mean().item() == pytest.approx(expected, abs=0.02)


def test_weights_are_of_mean_one_and_even_the_classes_out() -> None:
    balancing = ClassBalance.of(Balance(loss=1.0), LABELS, classes=3)
    assert balancing.weights is not None
    assert balancing.weights[LABELS].mean().item() == pytest.approx(1)
    sums = balancing.weights * torch.bincount(LABELS)
    torch.testing.assert_close(sums, sums[:1].expand(3))
    losses, targets = torch.ones(2), torch.tensor([[1.0, 0, 0], [0, 0.5, 0.5]])
    expected = [balancing.weights[0], balancing.weights[1:].mean()]
    torch.testing.assert_close(balancing.weigh(losses, targets), torch.stack(expected))


def test_adjusted_logits_give_the_balanced_answer_without_the_shift() -> None:
    """Logits that fit the data with the shift are those of balanced classes without it."""
    balancing = ClassBalance.of(Balance(logit_adjustment=1.0), LABELS, classes=3)
    zero = torch.zeros(1, 3)
    shares = torch.softmax(balancing.adjust(zero), dim=1)[0]
    torch.testing.assert_close(shares, torch.tensor([0.9, 0.09, 0.01]))


def test_a_class_without_images_harms_nothing() -> None:
    balancing = ClassBalance.of(
        Balance(loss=1.0, logit_adjustment=1.0, sampling=1.0), LABELS, classes=5
    )
    for tensor in (balancing.rates, balancing.weights, balancing.adjustment):
        assert tensor is not None
        assert torch.isfinite(tensor).all()


@pytest.mark.parametrize("name", ["sampling", "loss", "logit_adjustment"])
def test_what_is_taken_for_granted_is_what_is_left_of_the_counts(name: str) -> None:
    assert compute_class_prior(Balance(), [60, 30, 10]) == pytest.approx([0.6, 0.3, 0.1])
    assert compute_class_prior(Balance(**{name: 1.0}), [60, 30, 10]) == pytest.approx([1 / 3] * 3)
    half = compute_class_prior(Balance(**{name: 0.5}), [400, 100, 0])
    assert half == pytest.approx([20 / 31, 10 / 31, 1 / 31])
