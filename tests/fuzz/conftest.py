"""What is attacked in the tests: the service of the tests of the API, and the week of those of the feeds."""

from __future__ import annotations

from tests.api.conftest import world
from tests.feeds.conftest import make_week

__all__ = ["make_week", "world"]
