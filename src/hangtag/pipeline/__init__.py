"""Rows of predictions: from inputs through the model to CSV, JSON lines or Parquet.

    layout = Layout(inputs.columns)
    with open_output(Path("out.csv"), layout, request, resume=False) as output:
        left = output.skip_done(inputs.read(*router.sizes))
        for rows in predict_rows(router.predict, decoders.decode(left, **router.decoding)):
            output.write(rows)

`routing` says which model looks at which image, `rows` makes the rows, `formats` writes them
down, `output` is the file that appears whole and the part beside it with which an interrupted run
goes on, `streams` are stdout and a list, `summary` counts.
"""

from hangtag.models.router import AUTO, Router, find_models
from hangtag.pipeline.formats import require_format
from hangtag.pipeline.output import Request, open_output, part_of
from hangtag.pipeline.rows import Layout, Row, predict_rows
from hangtag.pipeline.streams import CsvStream, RowByRow, RowList, Sink
from hangtag.pipeline.summary import Summary

__all__ = [
    "AUTO",
    "CsvStream",
    "Layout",
    "Request",
    "Router",
    "Row",
    "RowByRow",
    "RowList",
    "Sink",
    "Summary",
    "find_models",
    "open_output",
    "part_of",
    "predict_rows",
    "require_format",
]
