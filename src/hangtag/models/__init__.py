"""A model: its card, its folder, the classifier that runs it, the router among models."""
