"""Disks that lose power and become full: an ext4 file system each, in a file of the run's."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path
from typing import Final

# _IOR('X', 125, __u32) of the kernel's fs/ext4/ext4.h.
EXT4_IOC_SHUTDOWN: Final = 0x8004587D
# Nothing that the file system still has in memory, the end of its journal included, comes to the disk.
EXT4_GOING_FLAGS_NOLOGFLUSH: Final = 2
_MB: Final = 2**20
_PIECE_BYTES: Final = 2**28
_BLOCK_BYTES: Final = 2**12


class Folder:
    """A folder, where there is no disk of our own: it neither loses power nor becomes full."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        folder.mkdir(parents=True)
        folder.chmod(0o755)

    def close(self) -> None:
        """Stay as it is."""


class Disk(Folder):
    """A disk of so many MB, mounted at `path`."""

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        super().__init__(folder)
        self._file = folder.with_suffix(".ext4")
        with self._file.open("wb") as file:
            file.truncate(megabytes * _MB)
        _do("mkfs.ext4", "-q", "-m", "0", str(self._file))
        self._mount()

    def close(self) -> None:
        """Be unmounted, whoever still has a file of it open."""
        _do("umount", "--lazy", str(self.path))

    def cut_power(self) -> None:
        """Lose what was not flushed to the disk, at once; whoever uses the disk gets errors until `return_power`."""
        disk = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(disk, EXT4_IOC_SHUTDOWN, struct.pack("I", EXT4_GOING_FLAGS_NOLOGFLUSH))
        finally:
            os.close(disk)

    def return_power(self) -> None:
        """Mount the disk again, as it was when the power was cut. Nobody may have a file of it open."""
        _do("umount", str(self.path))
        self._mount()

    def fill(self) -> None:
        """Leave no room on the disk: take what there is in pieces, the last of them a block."""
        piece, taken = _PIECE_BYTES, 0
        with (self.path / "ballast").open("wb") as file:
            while piece >= _BLOCK_BYTES:
                try:
                    os.posix_fallocate(file.fileno(), taken, piece)
                    taken += piece
                except OSError:
                    piece //= 2

    def make_room(self) -> None:
        """Have the room back."""
        (self.path / "ballast").unlink(missing_ok=True)

    def _mount(self) -> None:
        _do("mount", "-o", "loop", str(self._file), str(self.path))
        self.path.chmod(0o755)


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
