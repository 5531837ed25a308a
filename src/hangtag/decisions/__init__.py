"""Decisions from logits: calibration, risk control, OOD detection, decision policy.

Letters: N examples, K classes, D embedding. Arrays in, arrays out; no torch, no files.
"""
