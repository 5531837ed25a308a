"""The audit of a feed: the brand dictionary, label issues, duplicates, rules and label noise.

`run.run_audit` is the whole audit, `cross_validation.cross_validate` one without a model for the
labels, `apply.apply_rules` gives a feed the categories of approved rules.
"""
