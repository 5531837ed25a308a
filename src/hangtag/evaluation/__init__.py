"""Evaluation: metrics of a model on labelled data, with intervals."""
