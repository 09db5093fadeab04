"""A machine of the run's own: namespaces for its processes, mounts and networks, which end with it, however it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

_MARK: Final = "FAIRPOOL_FAULTS_ISOLATED"
_UNSHARE: Final = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
# The shell is the first process of the machine: it takes in the processes whose parents were killed.
_BOOT: Final = 'ip link set lo up && "$@"; exit $?'
_PROGRAMS: Final = ("unshare", "nsenter", "ip", "mount", "umount", "mkfs.ext4", "sh")


def is_isolated() -> bool:
    """Say whether this process runs on a machine of its own: in which networks can be cut and disks lose power."""
    return _MARK in os.environ


def why_not_isolated() -> str | None:
    """Return what keeps this machine from lending us one, or None if nothing does."""
    if not sys.platform.startswith("linux"):
        return "only Linux has namespaces"
    if os.geteuid() != 0:
        return "only root may mount file systems and make networks"
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} is not installed: util-linux, iproute2 and e2fsprogs have them"
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() or None if tried.returncode else None


def run_isolated(module: str, arguments: Sequence[str]) -> int:
    """Run a module of ours on a machine of its own, and return its exit code."""
    command = [*_UNSHARE, "sh", "-c", _BOOT, "sh", sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=os.environ | {_MARK: "yes"}, check=False).returncode
