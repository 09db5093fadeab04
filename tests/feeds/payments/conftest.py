"""What the tests of payments share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.feeds.payments.stripes import Stripe, at_stripe


@pytest.fixture
def stripe() -> Iterator[Stripe]:
    """The Stripe adapter, and a sandbox that has seen nothing yet."""
    with at_stripe() as stripe:
        yield stripe
