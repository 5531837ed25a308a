"""From logits to decisions: true confidence, promises that are kept, and what is unknown.

Letters: N examples, K classes, D embedding. Arrays in, arrays out; no torch, no files.
"""
