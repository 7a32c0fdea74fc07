"""A TCP proxy in front of a real PostgreSQL or Redis that injects one fault."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Listening:
    """Where the proxy listens."""

    host: str
    port: int


Pump = Callable[[socket.socket, socket.socket, threading.Event], None]  # server -> client


def passes(server: socket.socket, client: socket.socket, stop: threading.Event) -> None:
    while data := server.recv(65536):
        client.sendall(data)


def drips(server: socket.socket, client: socket.socket, stop: threading.Event) -> None:
    """One byte at a time, so that no single read ever times out."""
    while data := server.recv(65536):
        for i in range(len(data)):
            client.sendall(data[i : i + 1])
            if stop.wait(0.2):
                return


def resets_after(count: int) -> Pump:
    """Passes `count` bytes of the server's answers, then resets the connection."""

    def pump(server: socket.socket, client: socket.socket, stop: threading.Event) -> None:
        left = count
        while data := server.recv(65536):
            client.sendall(data[:left])
            left -= len(data)
            if left <= 0:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it, and holds it open
                client.close()
                return

    return pump


def garbles(server: socket.socket, client: socket.socket, stop: threading.Event) -> None:
    """Answers in another protocol."""
    server.recv(65536)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def proxy(connect: Callable[[], socket.socket] | None, pump: Pump = passes) -> Iterator[Listening]:
    """A proxy to the server that `connect` reaches; without `connect` it accepts and never answers."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    opened: list[socket.socket] = [listener]

    def upward(client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            pass  # one side has gone, as the fault wants
        finally:
            server.close()

    def downward(server: socket.socket, client: socket.socket) -> None:
        try:
            pump(server, client, stop)
        except OSError:
            pass  # one side has gone, as the fault wants
        finally:
            client.close()

    def serve() -> None:
        while not stop.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            opened.append(client)
            if connect is None:
                continue
            server = connect()
            opened.append(server)
            threading.Thread(target=upward, args=(client, server), daemon=True).start()
            threading.Thread(target=downward, args=(server, client), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    host, port = listener.getsockname()
    try:
        yield Listening(host, port)
    finally:
        stop.set()
        thread.join(5)
        for item in opened:
            item.close()


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
