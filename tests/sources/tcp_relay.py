"""A TCP relay on loopback that can fall silent, drip, or break off: what networks do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType


class Relay:
    """Passes bytes between its clients and a server until it is told otherwise.

    With `server=None` it accepts and never says a word.
    """

    def __init__(self, server: int | None) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._open = threading.Event()
        self._open.set()
        self.drip_s = 0.0
        self.accepted = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def fall_silent(self) -> None:
        """From now on nothing passes, and nothing is closed."""
        self._open.clear()

    def break_off(self) -> None:
        """Close every connection that there is; new ones are served."""
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._open.set()
        self.break_off()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                self._sockets.append(client)
                if self._server is not None:
                    server = socket.create_connection(("127.0.0.1", self._server))
                    self._sockets.append(server)
                    for source, sink in ((client, server), (server, client)):
                        threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                step = 1 if self.drip_s else len(data)
                for start in range(0, len(data), step):
                    sink.sendall(data[start : start + step])
                    time.sleep(self.drip_s)
            sink.shutdown(socket.SHUT_WR)
