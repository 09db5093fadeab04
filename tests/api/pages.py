"""Reading a list in pages, there and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

Get = Callable[..., httpx.Response]


def there_and_back(get: Get, path: str, *, limit: int, **params: Any) -> list[dict[str, Any]]:
    """Return a list, read in pages of `limit`; reading the same pages back must show the same."""
    pages = [_page(get, path, limit=limit, **params)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(_page(get, path, limit=limit, cursor=pages[-1]["next_cursor"], **params))
    assert [page["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert pages[0]["previous_cursor"] is None
    page = pages[-1]
    for earlier in reversed(pages[:-1]):
        page = _page(get, path, limit=limit, cursor=page["previous_cursor"], **params)
        assert (page["data"], page["has_more"]) == (earlier["data"], True)
    assert page["previous_cursor"] is None
    return [line for page in pages for line in page["data"]]


def refuses_what_is_no_page(get: Get, path: str) -> None:
    """Check that a list refuses cursors that it did not give, and limits beyond 1 to 200."""
    # The second is `next nonsense`, a cursor in form only.
    for cursor in ("%%%", "bmV4dCBub25zZW5zZQ"):
        refused = get(path, params={"cursor": cursor})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")
    for limit in (0, 201):
        refused = get(path, params={"limit": limit})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.limit")


def _page(get: Get, path: str, **params: Any) -> dict[str, Any]:
    answer = get(path, params=params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page
