"""The audit of a feed: the brand dictionary, label issues, duplicates, rules and label noise.

`run.run_audit` is the whole audit, `cross_validation.cross_validate` one without a model for the
labels, `apply.apply_rules` gives a feed the categories of approved rules.

Importing a module of this package binds the name ``hangtag.audit`` to the package. It can be called
like the function of that name in the public API.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Calls `hangtag.api.audit`."""
        return import_module("hangtag.api").audit(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
