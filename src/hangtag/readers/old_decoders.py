"""Transition only: items decoded as before; goes when its last users have moved to DecoderPool."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator

from hangtag.errors import ImageError
from hangtag.files.paths import make_printable
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.items import ImageFile, Input, Item, Size, fail
from hangtag.images.spec import ImageSpec


class Decoders(DecoderPool):
    """Decoder processes that take items."""

    def __enter__(self) -> "Decoders":
        return self

    def decode(  # type: ignore[override]
        self, items: Iterable[Item], *, size: Size, channels: int = 1, grey: Size | None = None
    ) -> Iterator[Input]:
        """Decodes the items in order."""
        waiting: deque[Item] = deque()

        def images() -> Iterator[object]:
            for item in items:
                waiting.append(item)
                if isinstance(item, ImageFile):
                    yield item.path
                elif item.pixels is not None:
                    yield item.pixels

        grey_spec = ImageSpec(*grey) if grey else None
        decoded = super().decode(images(), ImageSpec(*size, channels), grey_spec=grey_spec)  # type: ignore[arg-type]
        for outcome in itertools.chain(decoded, itertools.repeat(None)):
            while waiting and isinstance(waiting[0], Input) and waiting[0].pixels is None:
                yield waiting.popleft()  # type: ignore[misc]
            if not waiting:
                return
            item = waiting.popleft()
            assert outcome is not None
            name = make_printable(item.path) if isinstance(item, ImageFile) else item.name
            source = item.path if isinstance(item, ImageFile) else item.source
            if isinstance(outcome, ImageError):
                yield fail(source, outcome, name=name, extras=item.extras)
            else:
                yield Input(
                    name, source, outcome.pixels, resized=outcome.resized, extras=item.extras
                )
