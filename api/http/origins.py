"""Origins of web pages, as browsers send them."""

from __future__ import annotations

import re
from typing import Final

_ORIGIN: Final = re.compile(r"(https?)://[a-z0-9.-]+(:\d{1,5})?|(https?)://\[[0-9a-f:.]+\](:\d{1,5})?")
_DEFAULT_PORT: Final = re.compile(r"http://.*:80|https://.*:443")


def exact_origin(text: str) -> str:
    """Return an origin as browsers send it, such as `https://app.example.org`; raises ValueError for anything else."""
    if not _ORIGIN.fullmatch(text) or _DEFAULT_PORT.fullmatch(text):
        raise ValueError(f"{text!r} is no exact origin: write https://app.example.org, a port only where it is unusual")
    return text
