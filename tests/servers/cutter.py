"""A way to a server that breaks off in the middle."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from threading import Thread
from typing import Self


class Cutter:
    """A TCP proxy that hangs up: on each connection after so many bytes from the server, None for never."""

    def __init__(self, port: int, cuts: list[int | None]) -> None:
        self._target, self._cuts = port, deque(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.bytes: list[int] = []
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        self._accepting = Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._accepting, *self._threads):
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            cut = self._cuts.popleft() if self._cuts else None
            server = socket.create_connection(("127.0.0.1", self._target))
            there = Thread(target=_pump, args=(client, server, None, []), daemon=True)
            back = Thread(target=_pump, args=(server, client, cut, self.bytes), daemon=True)
            self._threads += [there, back]
            there.start()
            back.start()


def _pump(
    source: socket.socket, target: socket.socket, cut: int | None, counted: list[int]
) -> None:
    passed = 0
    with suppress(OSError):
        while data := source.recv(4096):
            piece = data if cut is None else data[: cut - passed]
            target.sendall(piece)
            passed += len(piece)
            if cut is not None and passed >= cut:
                break
    counted.append(passed)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()
