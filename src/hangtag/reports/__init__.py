"""Reports: figures and self-contained HTML pages."""

from hangtag.reports.evaluation_page import describe_model, write_report
from hangtag.reports.exploration import Exploration, measure_dataset
from hangtag.reports.exploration_page import write_exploration
from hangtag.reports.exploring import ExploredDataset, explore
from hangtag.reports.mosaics import AugmentedCopies

__all__ = [
    "AugmentedCopies",
    "Exploration",
    "ExploredDataset",
    "describe_model",
    "explore",
    "measure_dataset",
    "write_exploration",
    "write_report",
]
