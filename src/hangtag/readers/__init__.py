"""What `predict` is given: from arguments to pixels, every image in order, none left out.

    inputs = open_inputs(["photos/", "feed.csv"])
    with Decoders() as decoders:
        for one in decoders.decode(inputs.read(size), size=size):
            print(one.name, one.pixels is not None, one.error)

Arguments become sources (`opening`, `listing`, `arrays`, `pixel_rows`, `manifests`), sources give
items, and processes of their own decode the image files among them (`decoders`, `worker`). Only
what is under way is in memory, however many items there are.
"""

from hangtag.images.decoder_pool import Decoders
from hangtag.images.items import ImageFile, Input, Item
from hangtag.readers.opening import Inputs, open_inputs

__all__ = [
    "Decoders",
    "ImageFile",
    "Input",
    "Inputs",
    "Item",
    "open_inputs",
]
