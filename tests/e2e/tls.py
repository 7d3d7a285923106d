"""TLS before a Valkey that has none: a CA of the test's own, and a small proxy that ends TLS."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest


class Authority:
    """A CA, and certificates of it, in `folder`; made by the command openssl."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("the command openssl is not installed")
        self.folder = folder
        self.ca = folder / "ca.pem"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test-ca", "-keyout", folder / "ca.key", "-out", self.ca,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def certificate(self, name: str, alternative: str) -> ssl.SSLContext:
        """A server's context; `alternative` is what the certificate is for, as IP:127.0.0.1 or DNS:host."""
        key, request, made = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        _openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", key, "-out", request,
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", extensions, "-out", made,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made, key)
        return context


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)


class Terminator:
    """Listens with TLS on a port of its own and hands the bytes on to `port`."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._target = port
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection; an SSLSocket may not be read and written at once, so one thread does both in turn."""
        with contextlib.suppress(OSError), client:
            client.settimeout(5)
            inner = self._context.wrap_socket(client, server_side=True)
            with inner, socket.create_connection(("127.0.0.1", self._target)) as server:
                inner.settimeout(0.01)
                server.settimeout(0.01)
                while _pass_on(inner, server) and _pass_on(server, inner):
                    pass


def _pass_on(source: socket.socket, sink: socket.socket) -> bool:
    """Hand on what is there; False at the end."""
    try:
        data = source.recv(65536)
    except TimeoutError:
        return True
    sink.settimeout(5)
    sink.sendall(data)
    sink.settimeout(0.01)
    return bool(data)
