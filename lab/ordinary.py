"""Ordinary traffic of the inside network: a page over TCP, a name over UDP, a ping.

The server end is busybox's httpd and dnsmasq in the outside host `server`; the client end is curl, busybox's nslookup
and ping in an inside host.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import dataclass

from lab.netns import Namespace
from lab.topology import ORDINARY, Topology

NAME = "www.example.org"
ADDRESS = ORDINARY["server"].address
PAGE_BYTES = 200_000


class Server:
    """http and dns on the outside host `server`."""

    def __init__(self, topology: Topology) -> None:
        self.space = topology["server"]
        directory = topology.run.dir / "www"
        directory.mkdir()
        page = os.urandom(PAGE_BYTES // 2).hex().encode()
        (directory / "page").write_bytes(page)
        self.digest = hashlib.sha256(page).hexdigest()
        self.space.start("busybox", "httpd", "-f", "-p", f"{ADDRESS}:80", "-h", str(directory))
        self.space.start(
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--bind-interfaces",
            f"--listen-address={ADDRESS}",
            f"--address=/{NAME}/{ADDRESS}",
            "--pid-file=",
            "--user=root",
            log=topology.run.dir / "dnsmasq.log",
        )
        end = time.monotonic() + 5
        while not (self.fetch(self.space) and self.resolve(self.space)):
            if time.monotonic() > end:
                raise RuntimeError("the outside server does not serve")
            time.sleep(0.05)

    def fetch(self, space: Namespace) -> bool:
        """Fetch the page from a host; true when it arrived unharmed."""
        script = f"curl -sS -m 5 http://{ADDRESS}/page | sha256sum"
        return space.run("sh", "-c", script, check=False).stdout.startswith(self.digest)

    @staticmethod
    def resolve(space: Namespace) -> bool:
        """Resolve the name from a host; true when the answer is right."""
        done = space.run("busybox", "nslookup", "-type=a", NAME, ADDRESS, check=False, timeout=20)
        return done.returncode == 0 and f"Address: {ADDRESS}\n" in done.stdout.partition("Name:")[2]


@dataclass
class Tally:
    """How often something was tried, and how often it worked."""

    tried: int = 0
    worked: int = 0

    def add(self, good: bool) -> None:
        """Count one try."""
        self.tried += 1
        self.worked += good

    @property
    def complete(self) -> bool:
        """It was tried and always worked."""
        return self.tried > 0 and self.tried == self.worked

    def __str__(self) -> str:
        return f"{self.worked}/{self.tried}"


class Chatter:
    """An inside host that fetches the page and resolves the name over and over, for the time of a `with`."""

    def __init__(self, server: Server, space: Namespace, pause: float = 0.4) -> None:
        self.pages = Tally()
        self.names = Tally()
        self._server = server
        self._space = space
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._body, daemon=True)

    def _body(self) -> None:
        while True:
            self.pages.add(self._server.fetch(self._space))
            self.names.add(self._server.resolve(self._space))
            if self._over.wait(self._pause):
                return

    def __enter__(self) -> Chatter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
