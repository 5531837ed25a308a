"""Learning curves."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.reports.curves import best_epoch, draw_curve, draw_curves

Decode = Callable[[bytes], NDArray[np.uint8]]
History = list[dict[str, float]]


def test_best_epoch_has_the_lowest_validation_loss(history: History) -> None:
    assert best_epoch(history) == 2


def test_best_epoch_needs_validation(history: History) -> None:
    unvalidated = [{"epoch": row["epoch"], "loss": row["loss"]} for row in history]
    assert best_epoch(unvalidated) is None


def test_best_epoch_ignores_epochs_without_a_figure(history: History) -> None:
    history[1]["val_loss"] = float("nan")
    assert best_epoch(history) == 3


def test_curves_are_pictures_and_the_same_each_time(history: History, pixels_of: Decode) -> None:
    png = draw_curves(history)
    assert pixels_of(png).std() > 5
    assert png == draw_curves(history)


@pytest.mark.parametrize("field", ["loss", "accuracy", "lr"])
def test_a_single_epoch_is_visible(field: str, history: History, pixels_of: Decode) -> None:
    """One epoch is a point: the curve must draw a marker, not a line of no length."""
    one = draw_curve(history[:1], field)
    blank = draw_curve([{**history[0], field: np.nan, f"val_{field}": np.nan}], field)
    assert (pixels_of(one) < 100).sum() > (pixels_of(blank) < 100).sum()


def test_validation_changes_the_picture(history: History) -> None:
    without = [{k: v for k, v in row.items() if not k.startswith("val_")} for row in history]
    assert draw_curve(history, "accuracy") != draw_curve(without, "accuracy")
