"""A demo feed whose truth is known: brands with labels of their own, and planted errors.

    write_demo_feed(split, classes, Path("demo"), DemoOptions(brands=12, noise=0.05, seed=0))

`brands` invents brands and decides which item gets which label; `feed` makes the images and files.
"""

from hangtag.audit.demo.feed import DemoCounts, DemoOptions, write_demo_feed

__all__ = ["DemoCounts", "DemoOptions", "write_demo_feed"]
