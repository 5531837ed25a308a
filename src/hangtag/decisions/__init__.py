"""From logits to decisions: calibration, risk control, OOD detection and the decision policy.

Letters: N examples, K classes, D embedding. Arrays in, arrays out; no torch, no files.
"""
