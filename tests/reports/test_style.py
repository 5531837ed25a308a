"""Names in pictures."""

import subprocess
import sys

from hangtag.reports.style import drawing_style, new_figure, png_of, shorten


def test_shorten_keeps_what_fits() -> None:
    assert shorten("Shirt", 5) == "Shirt"
    assert shorten("T-shirt/top", 7) == "T-s…top"
    assert shorten("two\n words ", 10) == "two words"
    assert shorten("blanks at the cut", 9) == "blan…cut"


def settings() -> dict[str, object]:
    """Returns matplotlib's settings but for the backend, which it finds out when asked for it."""
    import matplotlib

    return {name: matplotlib.rcParams[name] for name in set(matplotlib.rcParams) - {"backend"}}


def test_drawing_leaves_no_trace_in_the_process() -> None:
    before = settings()
    with drawing_style():
        assert settings() != before
        png_of(new_figure(1, 1))
    assert settings() == before


def test_no_plotting_library_is_loaded_before_it_is_used() -> None:
    """``hangtag --help`` stays fast; and the state of pyplot is never touched, not even here."""
    script = """
import subprocess
import sys
import hangtag.reports as report
assert "matplotlib" not in sys.modules and "jinja2" not in sys.modules
from hangtag.reports.curves import draw_curves
draw_curves([{"epoch": 1, "loss": 1, "accuracy": 1, "lr": 1}])
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
