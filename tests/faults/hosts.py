"""Hosts beside ours, each reached over one cable that can be pulled: network namespaces, or proxies in their place."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from fairpool.embedded_server import HOST, free_port

_NETWORK: Final = "10.77"
_CHUNK: Final = 65_536


class Host:
    """A host with a network of its own. Servers on it listen on `address`; what is sent while it is cut off is lost."""

    def __init__(self, number: int) -> None:
        self.address = f"{_NETWORK}.{number}.2"
        self._cable = f"host{number}"
        # The namespace lives as long as a process in it.
        self._keeper = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        self._connect(f"{_NETWORK}.{number}.1")

    def port(self) -> int:
        """Return the port for a server: each host has one."""
        return 5432

    def reached_at(self, port: int) -> tuple[str, int]:
        """Return where a server on a port is reached."""
        return self.address, port

    def command(self, *words: str, user: int | None = None, group: int | None = None) -> list[str]:
        """Return the command that runs another one on this host, as some user."""
        chosen = [] if user is None else ["--setuid", str(user), "--setgid", str(group)]
        return ["nsenter", "--target", str(self._keeper.pid), "--net", *chosen, "--", *words]

    def unplug(self) -> None:
        """Cut the host off: packets vanish in both directions."""
        _do("ip", "link", "set", self._cable, "down")

    def plug(self) -> None:
        """Reach the host again."""
        _do("ip", "link", "set", self._cable, "up")

    def close(self) -> None:
        """Be gone."""
        self._keeper.kill()
        self._keeper.wait()

    def _connect(self, ours: str) -> None:
        there = f"{self._cable}there"
        # `unshare` needs a moment to be in its own namespace: a cable that is laid before would end in ours.
        while _namespace(self._keeper.pid) == _namespace(None):
            pass
        _do("ip", "link", "add", self._cable, "type", "veth", "peer", "name", there, "netns", str(self._keeper.pid))
        _do("ip", "address", "add", f"{ours}/24", "dev", self._cable)
        _do("ip", "link", "set", self._cable, "up")
        for words in (("address", "add", f"{self.address}/24", "dev", there), ("link", "set", there, "up")):
            _do(*self.command("ip", *words))
        _do(*self.command("ip", "link", "set", "lo", "up"))
        # Hosts reach one another through ours.
        _do(*self.command("ip", "route", "add", "default", "via", ours))
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Neighbour(Host):
    """This host, behind a proxy which, while it is cut off, keeps connections open and carries nothing."""

    def __init__(self, number: int) -> None:
        self.address = HOST
        self._number = number
        self._port = free_port()
        self._proxy = _Proxy(target=self._port)

    def port(self) -> int:
        """Return the port for a server."""
        return self._port

    def reached_at(self, port: int) -> tuple[str, int]:
        """Return where a server is reached: at the proxy."""
        return HOST, self._proxy.port if port == self._port else port

    def command(self, *words: str, user: int | None = None, group: int | None = None) -> list[str]:
        """Return the command as it is: who asks for this host is not root."""
        return list(words)

    def unplug(self) -> None:
        """Carry nothing."""
        self._proxy.flows.clear()

    def plug(self) -> None:
        """Carry again."""
        self._proxy.flows.set()

    def close(self) -> None:
        """Carry nothing, for ever: the proxy's thread ends with the process."""
        self.unplug()


class _Proxy:
    """Carries connections to one port, in a thread of its own, while `flows` is set."""

    def __init__(self, *, target: int) -> None:
        self.port = free_port()
        self.flows = threading.Event()
        self.flows.set()
        self._target = target
        threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy", daemon=True).start()

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._carry, HOST, self.port) as server:
            await server.serve_forever()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing()
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        ways = [asyncio.create_task(self._flow(*way)) for way in ((reader, server_writer), (server_reader, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for each in (writer, server_writer):
            each.transport.abort()

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flowing()
                writer.write(data)
                await writer.drain()

    async def _flowing(self) -> None:
        while not self.flows.is_set():
            await asyncio.sleep(0.02)


def _namespace(pid: int | None) -> str:
    command = ["readlink", f"/proc/{'self' if pid is None else pid}/ns/net"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
