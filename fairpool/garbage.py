"""When garbage is looked for: Python's own pace is that of a script, not of a service that remembers a lot."""

from __future__ import annotations

import gc
from typing import Final

# By so many did objects that can refer to others grow in number, when garbage is looked for; Python's own: 700.
_GARBAGE_MIN: Final = 50_000


def collect_rarely() -> None:
    """Have garbage looked for seldom, and never in what is there by now: code, routes and models outlive the process.

    What a service makes beside goes when nobody refers to it. A full collection among half a million objects stops
    every request for a tenth of a second; a settler that remembers 20,000 accounts spent two fifths of its time on it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_MIN)
