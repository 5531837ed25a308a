"""Reports: plots and self-contained HTML pages, from numbers and images alone."""

from hangtag.report.evaluation_page import write_report
from hangtag.report.exploration import Exploration, explore
from hangtag.report.exploration_page import write_exploration
from hangtag.report.mosaics import AugmentedCopies

__all__ = ["AugmentedCopies", "Exploration", "explore", "write_exploration", "write_report"]
