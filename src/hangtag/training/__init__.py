"""Training: recipes, networks, augmentation, the loop, checkpoints, export.

Only this package imports PyTorch, and only in the modules that compute; `recipes` does not.
"""
