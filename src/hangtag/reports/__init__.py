"""Reports: plots and self-contained HTML pages, from numbers and images alone."""

from hangtag.reports.evaluation_page import write_report
from hangtag.reports.exploration import Exploration, explore
from hangtag.reports.exploration_page import write_exploration
from hangtag.reports.mosaics import AugmentedCopies

__all__ = ["AugmentedCopies", "Exploration", "explore", "write_exploration", "write_report"]
