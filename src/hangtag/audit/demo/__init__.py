"""A made feed whose truth is known: brands with words of their own, and faults planted in it.

    write_demo_feed(split, classes, Path("demo"), DemoOptions(brands=12, noise=0.05, seed=0))

`brands` invents who writes what, `planting` decides which item gets which label and which of them
are wrong, `pictures` makes images of what is no class, `writing` makes the files.
"""

from hangtag.audit.demo.writing import DemoOptions, write_demo_feed

__all__ = [
    "DemoOptions",
    "write_demo_feed",
]
