import math
from pathlib import Path

import pytest
import torch

from hangtag.datasets import Dataset
from hangtag.training.recipes.schema import DataPruning
from hangtag.training.sampling import Sampler
from tests.tiny import tiny_recipe
from tests.training.test_train import fit_run

ITEMS = 4000


def make_selection(settings: DataPruning | None) -> Sampler:
    """A quarter of the images is hard."""
    selection = Sampler(settings, items=ITEMS)
    selection.losses = torch.where(torch.arange(ITEMS) % 4 == 0, 3.0, 0.1)
    return selection


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_settings_every_image_comes_once_and_weighs_one() -> None:
    order, weights = make_selection(None).choose(done=0.5, generator=generator())
    assert order.sort().values.equal(torch.arange(ITEMS))
    assert not order.equal(torch.arange(ITEMS))
    assert weights.equal(torch.ones(ITEMS))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_share_of_the_easy_is_left_out_and_the_others_stand_for_them(share: float) -> None:
    order, weights = make_selection(DataPruning(ratio=share)).choose(
        done=0.5, generator=generator()
    )
    assert len(set(order.tolist())) == len(order)
    hard = order % 4 == 0
    assert hard.sum() == ITEMS // 4
    assert set(weights[hard].tolist()) == {1.0}
    easy, left = ITEMS * 3 // 4, int((~hard).sum())
    deviation = math.sqrt(easy * share * (1 - share))
    assert left == pytest.approx(easy * (1 - share), abs=5 * deviation)
    # The weights stand for all images, within five standard deviations.
    assert weights.sum().item() == pytest.approx(ITEMS, abs=5 * deviation / (1 - share))


def test_another_epoch_leaves_out_others() -> None:
    selection, numbers = make_selection(DataPruning()), generator()
    first, second = (set(selection.choose(done=0.5, generator=numbers)[0].tolist()) for _ in "ab")
    assert first != second
    assert first | second > first


def test_nothing_is_left_out_before_the_losses_are_known_nor_at_the_end() -> None:
    fresh = Sampler(DataPruning(), items=ITEMS)
    assert len(fresh.choose(done=0.0, generator=generator())[0]) == ITEMS
    late = make_selection(DataPruning(anneal=0.25))
    assert len(late.choose(done=0.74, generator=generator())[0]) < ITEMS
    assert len(late.choose(done=0.75, generator=generator())[0]) == ITEMS


def test_a_training_that_skips_learns_and_resumes_bit_for_bit(
    shapes: Dataset, tmp_path: Path
) -> None:
    skipping = tiny_recipe("data_pruning={}", "schedule={kind: exponential, factor: 0.9}")
    whole = fit_run(shapes, skipping, tmp_path / "whole")
    assert whole.history[-1].val_accuracy > 0.9
    shorter = skipping.model_copy(update={"epochs": 4})
    fit_run(shapes, shorter, tmp_path / "resumed")
    resumed = fit_run(shapes, skipping, tmp_path / "resumed", resume=True)
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert (one.loss, one.val_loss) == (other.loss, other.val_loss)
