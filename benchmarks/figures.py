"""Draws the plot of a benchmark: speed relative to Keras."""

from typing import Any

from hangtag.reports.style import BLUE, INK, MUTED, drawing_style, new_sheet, png_of


def draw_ratios(results: dict[str, Any]) -> bytes:
    """Draws training and prediction speeds over those of Keras on the seed's network, as PNG."""
    training = ratios(results["training"], peer="seed, Keras")
    prediction = {
        name: ratio
        for batch in (1, 64, 256)
        for name, ratio in ratios(
            {n: s for n, s in results["prediction"].items() if n.endswith(f" {batch}")},
            peer=f"seed, Keras, batch {batch}",
        ).items()
    }
    with drawing_style():
        sheet = new_sheet(8, 1.4 + 0.28 * (len(training) + len(prediction)))
        heights = [len(training), len(prediction)]
        upper, lower = sheet.subplots(2, 1, gridspec_kw={"height_ratios": heights})
        for axes, bars, title in (
            (upper, training, "Training, images a second over Keras training the seed"),
            (lower, prediction, "Prediction, images a second over Keras predict on the seed"),
        ):
            names, values = list(bars), list(bars.values())
            axes.barh(names, values, color=BLUE, height=0.7)
            axes.axvline(1, color=MUTED, linewidth=1)
            axes.set_xscale("log")
            axes.set_xlim(min(0.5, *values) / 1.2, max(values) * 1.5)
            axes.set_xticks([])
            axes.minorticks_off()
            axes.invert_yaxis()
            axes.set_title(title, loc="left", fontsize=10, color=INK)
            for place, value in enumerate(values):
                axes.text(value * 1.03, place, f"{value:.2g}x", va="center", fontsize=8)
        return png_of(sheet)


def ratios(figures: dict[str, float], *, peer: str) -> dict[str, float]:
    """Returns each figure over that of `peer`, which is left out."""
    return {name: value / figures[peer] for name, value in figures.items() if name != peer}
