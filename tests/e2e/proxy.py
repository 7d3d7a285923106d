"""A TCP proxy for the tests: it passes, refuses, cuts, or silently swallows what goes over established connections."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Proxy:
    """127.0.0.1:`port` in front of 127.0.0.1:`target`. `close` it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._pairs: list[_Pair] = []
        self._lock = threading.Lock()
        self._swallows_new = False
        self.lose_answer_if: Callable[[], bool] | None = None  #: asked at each answer; the first time true, it is lost
        self.cut_if: Callable[[bytes], bool] | None = None  #: asked at each request; a true answer ends its connection
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def refuse(self) -> None:
        """No connection is accepted any more, and those that were are cut."""
        self._stop_listening()
        self.cut()

    def cut(self) -> None:
        """All connections end; new ones work."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def swallow(self, *, new: bool = False) -> None:
        """What goes over established connections vanishes, either way, and nobody is told; with `new`, the same for
        those to come."""
        self._swallows_new = new
        with self._lock:
            for pair in self._pairs:
                pair.deaf = True

    def heal(self) -> None:
        """New connections work; those that were swallowed stay as they are."""
        self._swallows_new = False
        if self._listener.fileno() < 0:
            self._listener = self._listen(self.port)

    def close(self) -> None:
        self.refuse()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=(listener,), name="proxy", daemon=True).start()
        return listener

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._pairs.append(_Pair(client, server, self, deaf=self._swallows_new))

    def cuts(self, request: bytes) -> bool:
        return self.cut_if is not None and self.cut_if(request)

    def loses(self) -> bool:
        if self.lose_answer_if is None or not self.lose_answer_if():
            return False
        self.lose_answer_if = None
        return True


class _Pair:
    """One connection: two sockets, and a thread for each direction."""

    def __init__(self, client: socket.socket, server: socket.socket, proxy: Proxy, *, deaf: bool) -> None:
        self.deaf = deaf
        self._server = server
        self._proxy = proxy
        self._sockets = (client, server)
        for source, sink in ((client, server), (server, client)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(source, sink), name="proxy-pump", daemon=True).start()

    def close(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._proxy.loses() if source is self._server else self._proxy.cuts(data):
                    break
                if not self.deaf:
                    sink.sendall(data)
        if not self.deaf:  # a dead line tells nobody that the other end has gone, either
            self.close()
