"""Files that move into place when all is well."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from fairpool.exports.files import drafts

FULL = Path("/dev/full")


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_draft_knows_its_size_and_hash(tmp_path: Path) -> None:
    """Of all the bytes that it took."""
    with drafts([tmp_path / "a"]) as (draft,):
        draft.write(b"cre")
        draft.write(b"dits")
    assert listing(tmp_path) == {"a": b"credits"}
    assert (draft.size, draft.sha256) == (7, sha256(b"credits").hexdigest())


def test_nothing_is_in_its_place_before_the_end(tmp_path: Path) -> None:
    """Whoever looks meanwhile sees what stood there before."""
    (tmp_path / "a").write_bytes(b"old")
    with drafts([tmp_path / "a", tmp_path / "b"]) as (first, _):
        first.write(b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
        assert not (tmp_path / "b").exists()
    assert listing(tmp_path) == {"a": b"new", "b": b""}


def test_what_cannot_be_moved_is_vouched_for_by_nothing(tmp_path: Path) -> None:
    """If a file cannot come into its place, an older manifest does not stand beside some new files."""
    for name in ("a", "manifest"):
        (tmp_path / name).write_bytes(b"old")
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError), drafts([tmp_path / name for name in ("a", "b", "manifest")]):
        pass
    (tmp_path / "b").rmdir()
    assert listing(tmp_path) == {"a": b""}


def test_no_draft_stays_where_one_cannot_be_made(tmp_path: Path) -> None:
    """Those before it are dropped."""
    with pytest.raises(FileNotFoundError), drafts([tmp_path / "a", tmp_path / "missing" / "b"]):
        pass
    assert listing(tmp_path) == {}


@pytest.mark.skipif(not FULL.exists(), reason=f"there is no {FULL} here")
def test_no_draft_stays_where_the_disk_is_full(tmp_path: Path) -> None:
    """Not even one whose bytes cannot be written when it is closed, nor those behind it."""
    (tmp_path / "a.part").symlink_to(FULL)
    paths = [tmp_path / name for name in ("a", "b", "manifest")]
    with pytest.raises(OSError, match="No space left"), drafts(paths) as (first, *_):
        first.write(b"some")
    assert listing(tmp_path) == {}
