"""Draws calibration: the reliability diagram and the risk-coverage curve."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hangtag.decisions.calibration import ReliabilityBin
from hangtag.evaluation.metrics import Evaluation
from hangtag.reports.style import BLUE, INK, MUTED, ORANGE, drawing_style, new_figure, png_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_reliability(evaluation: Evaluation) -> bytes:
    """Draws accuracy over confidence, before and after calibration.

    Returns:
        A PNG file.
    """
    calibration = evaluation.calibration
    with drawing_style():
        figure = new_figure(4.3, 3.2)
        axes = figure.add_subplot()
        lowest = min(
            value
            for bins in (calibration.bins, calibration.bins_before)
            for part in bins
            for value in (part.confidence, part.correct)
        )
        axes.plot([lowest, 1], [lowest, 1], color=MUTED, linewidth=1, linestyle=":")
        before = f"before: error {calibration.ece_before:.3f}"
        _fill_bins(axes, calibration.bins_before, colour=ORANGE, label=before)
        _fill_bins(axes, calibration.bins, colour=BLUE, label=f"after: error {evaluation.ece:.3f}")
        axes.set_title("Reliability")
        axes.set_xlabel("confidence, mean of each of 15 bins")
        axes.set_ylabel("accuracy")
        axes.legend(labelcolor=INK)
        return png_of(figure)


def draw_risk_coverage(evaluation: Evaluation) -> bytes:
    """Draws the error rate of the accepted images (risk) over the fraction accepted (coverage).

    A dot marks each target precision of the model.

    Returns:
        A PNG file.
    """
    curve = evaluation.risk_coverage
    with drawing_style():
        figure = new_figure(4.3, 3.2)
        axes = figure.add_subplot()
        axes.plot(
            [100 * coverage for coverage in curve.coverage],
            [100 * risk for risk in curve.risk],
            color=BLUE,
            label=f"area {curve.area:.4f}",
        )
        for target, row in evaluation.automation.items():
            if row.precision is not None:
                point = (100 * row.coverage, 100 * (1 - row.precision))
                axes.plot(*point, "o", color=ORANGE, ms=5)
                axes.annotate(
                    f"{100 * float(target):g} %",
                    point,
                    textcoords="offset points",
                    xytext=(-6, 5),
                    ha="right",
                    fontsize=8,
                )
        axes.set_title("Risk and coverage")
        axes.set_xlabel("accepted, % of the images")
        axes.set_ylabel("wrong among them, %")
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        axes.legend(labelcolor=INK, loc="upper left")
        return png_of(figure)


def _fill_bins(axes: "Axes", bins: Sequence[ReliabilityBin], *, colour: str, label: str) -> None:
    axes.plot(
        [part.confidence for part in bins],
        [part.correct for part in bins],
        color=colour,
        marker="o",
        ms=4,
        label=label,
    )
