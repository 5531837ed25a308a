"""Reports: figures and self-contained HTML pages."""

from hangtag.reports.evaluation_page import describe_model, write_report
from hangtag.reports.exploration import Exploration, explore
from hangtag.reports.exploration_page import write_exploration
from hangtag.reports.mosaics import AugmentedCopies

__all__ = [
    "AugmentedCopies",
    "Exploration",
    "describe_model",
    "explore",
    "write_exploration",
    "write_report",
]
