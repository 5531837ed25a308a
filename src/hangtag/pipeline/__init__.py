"""Predictions: from records through the models to rows, and to CSV, JSON lines or Parquet.

    report = run_prediction(PredictionJob(["photos/"], PredictorConfig(), out=Path("out.csv")))
    print(report.summary.describe())

`run` is the whole way from paths to an output. `predictor` is the loop from records to rows that
everything else calls. `rows` says which columns a row has, `formats` how rows are written down,
`output` is the file that appears whole and with which an interrupted run goes on, `summary` counts.
"""

from hangtag.pipeline.output import RunSettings, open_output, part_of
from hangtag.pipeline.predictor import OnNote, Predictor, PredictorConfig, predict_stream
from hangtag.pipeline.rows import Layout, PredictionRow
from hangtag.pipeline.run import Explainer, PredictionJob, PredictionReport, run_prediction
from hangtag.pipeline.summary import Summary

__all__ = [
    "Explainer",
    "Layout",
    "OnNote",
    "PredictionJob",
    "PredictionReport",
    "PredictionRow",
    "Predictor",
    "PredictorConfig",
    "RunSettings",
    "Summary",
    "open_output",
    "part_of",
    "predict_stream",
    "run_prediction",
]
