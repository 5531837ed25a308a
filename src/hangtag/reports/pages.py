"""Pages: templates and pictures become one HTML file that needs nothing else."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment


_QUALITY = 85
"""Of a photo as JPEG."""


SMALL = 64
"""Longest side, in pixels, of images that are shown enlarged, pixel by pixel."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a page.

    Attributes:
        file: The PNG file; of a photo a JPEG file, a fifth as large.
        alt: What it shows, for people who cannot see it.
        caption: What one sees and why it matters.
    """

    file: bytes
    alt: str
    caption: str = ""


def render_page(template: str, **content: object) -> str:
    """Renders ``templates/<template>.html.j2`` with `content`, everything escaped."""
    page = _environment().get_template(f"{template}.html.j2")
    return page.render(version=__version__, **content)


def encode_image(image: NDArray[np.uint8]) -> bytes:
    """Returns an image as a file of the same size: grey (H, W) as PNG, colour (H, W, 3) as JPEG."""
    from PIL import Image

    buffer = BytesIO()
    if image.ndim == 3:
        Image.fromarray(image).save(buffer, format="JPEG", quality=_QUALITY)
    else:
        Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("hangtag.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        data_uri=_data_uri, count=_format_count, decimals=_format_decimals, percent=_format_percent
    )
    return environment


def _data_uri(file: bytes) -> str:
    kind = "jpeg" if file.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{b64encode(file).decode()}"


def _format_count(number: int) -> str:
    return f"{number:,}"


def _format_decimals(number: float | None, places: int) -> str:
    return "-" if number is None else f"{number:.{places}f}"


def _format_percent(fraction: float | None, places: int = 1) -> str:
    return "-" if fraction is None else f"{100 * fraction:.{places}f}\u00a0%"
