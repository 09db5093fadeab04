"""Feed files: read in order, refused with the line, and what is no message handed on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.feedfile import LINE_BYTES_MAX, FeedFileError, read_feed, read_lines
from feeds.messages import Message, ResultMessage, encode


def result(minute: int) -> Message:
    return ResultMessage(
        at=datetime(2024, 11, 8, 4, minute, tzinfo=UTC),
        source="s",
        game_id="g",
        revision=minute,
        certainty="official",
        home_score=35,
        away_score=34,
    )


def feed_file(folder: Path, *lines: bytes) -> Path:
    path = folder / "feed.jsonl"
    path.write_bytes(b"\n".join(lines))
    return path


def refusal(path: Path) -> FeedFileError:
    with pytest.raises(FeedFileError) as caught:
        list(read_lines(path))
    return caught.value


def test_messages_are_read_in_order_and_blank_lines_skipped(tmp_path: Path) -> None:
    """Equal instants keep the order of the file; blank lines, CRLF and a byte order mark do no harm."""
    first, second, third = result(1), result(2), result(2)
    lines = [b"\xef\xbb\xbf" + encode(first) + b"\r", b"", b"  ", encode(second), encode(third), b""]
    path = feed_file(tmp_path, *lines)
    assert read_feed(path) == [first, second, third]
    assert [line.number for line in read_lines(path)] == [1, 4, 5]
    assert [line.body for line in read_lines(path)] == [encode(first), encode(second), encode(third)]


def test_an_empty_file_has_no_messages(tmp_path: Path) -> None:
    """Nothing to read is nothing read."""
    assert read_feed(feed_file(tmp_path)) == []


def test_a_file_out_of_order_is_refused_with_its_line(tmp_path: Path) -> None:
    """The first line that is older than one before it is named, and nothing after it is read."""
    path = feed_file(tmp_path, encode(result(2)), b"", encode(result(1)), b"{")
    lines = read_lines(path)
    assert next(lines).message == result(2)
    with pytest.raises(FeedFileError, match=r"feed\.jsonl, line 3: at is before") as caught:
        next(lines)
    assert caught.value.number == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b'{"v":1,"type":"game"}', "at must be a time"),
        (b'{"v":1,"type":"game","at":"soon"}', "at must be a time"),
        (b'{"v":1,"type":"game","at":"2024-11-08T04:00:00"}', "at must be a time"),
        (b'{"at":"2024-11-08T04:00:00Z","note":"' + b"x" * LINE_BYTES_MAX + b'"}', "bytes, more than"),
    ],
)
def test_a_line_without_a_usable_at_is_refused_with_its_line(tmp_path: Path, line: bytes, reason: str) -> None:
    """What cannot be placed in time, or cannot be published, stops the file."""
    error = refusal(feed_file(tmp_path, encode(result(1)), line))
    assert error.number == 2
    assert reason in error.reason


def test_a_line_that_is_no_message_is_handed_on_with_its_problem(tmp_path: Path) -> None:
    """A dated line of an unknown type keeps its bytes, for a dead letter; the messages around it are read."""
    unreadable = b'{"v":1,"type":"injury","at":"2024-11-08T04:02:00Z","player":"QB"}'
    path = feed_file(tmp_path, encode(result(1)), unreadable, encode(result(3)))
    before, dead, after = read_lines(path)
    assert (before.message, after.message) == (result(1), result(3))
    assert (before.problem, after.problem) == (None, None)
    assert (dead.number, dead.at, dead.body) == (2, datetime(2024, 11, 8, 4, 2, tzinfo=UTC), unreadable)
    assert dead.message is None
    assert dead.problem == "type must be one of game, quote, market, status, result"
    assert len({before.msg_id, dead.msg_id, after.msg_id}) == 3
    with pytest.raises(FeedFileError, match="line 2: type must be one of"):
        read_feed(path)


def test_an_unreadable_line_is_ordered_too(tmp_path: Path) -> None:
    """A line that is no message still may not be older than the one before it."""
    path = feed_file(tmp_path, encode(result(2)), b'{"at":"2024-11-08T04:01:00Z"}')
    assert refusal(path).number == 2
