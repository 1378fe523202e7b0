"""Servers of remote files on this machine: http with ranges, faults and an S3-like part, and a real XRootD server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path  # noqa: TC003
from urllib.parse import parse_qs, unquote, urlsplit

HOST = "127.0.0.1"


class FileServer:
    """Serves the files of a folder with ranges, as http and as buckets of s3; `faults` are taken one for each request.

    Faults: a number is that status; "away" closes the connection without an answer, "truncated" after half of it,
    "silent" never answers, "short" answers less than the range, "elsewhere" another range.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.faults, self.ranges, self.html = folder, [], True, False
        self.requests, self.sent, self.released = Counter(), 0, threading.Event()
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def reset(self):
        """Forget faults and counts."""
        self.faults, self.ranges, self.html, self.sent = [], True, False, 0
        self.requests.clear()
        self.released.set()
        self.released = threading.Event()

    def close(self):
        """Stop."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: FileServer

    def log_message(self, *args):
        """Say nothing."""

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        owner, parts = self.server_of, urlsplit(self.path)
        owner.requests[self.command] += 1
        fault = owner.faults.pop(0) if owner.faults and body else None
        if fault == "away":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if fault == "silent":
            owner.released.wait(20)
            self.close_connection = True
            return
        if isinstance(fault, int):
            self.send(fault, b"", body=body)
            return
        if owner.html:
            self.send(200, b"<html>log in</html>", {"Content-Type": "text/html; charset=utf-8"}, body=body)
            return
        if "list-type" in parse_qs(parts.query):
            self.send(200, self.listing(parts), {"Content-Type": "application/xml"}, body=body)
            return
        path = owner.folder / unquote(parts.path).lstrip("/")
        if not path.is_file():
            self.send(404, b"", body=body)
            return
        self.file(path, fault, body=body)

    def file(self, path, fault, *, body):
        owner, state, data = self.server_of, path.stat(), path.read_bytes()
        headers = {
            "ETag": f'"{state.st_size:x}-{state.st_mtime_ns:x}"',
            "Last-Modified": self.date_time_string(int(state.st_mtime)),
        }
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or not owner.ranges:
            self.send(200, data, headers, body=body, truncated=fault == "truncated")
            return
        first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        if first >= len(data):
            self.send(416, b"", {"Content-Range": f"bytes */{len(data)}"}, body=body)
            return
        piece = data[first : last + 1]
        if fault == "short":
            piece = piece[: len(piece) // 2]
        first += fault == "elsewhere"
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self.send(206, piece, headers, body=body, truncated=fault == "truncated")

    def listing(self, parts):
        """Return the files of a bucket as ListObjectsV2 gives them."""
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        bucket, prefix = self.server_of.folder / unquote(parts.path).strip("/"), query.get("prefix", "")
        found = sorted(str(p.relative_to(bucket)) for p in bucket.rglob("*") if p.is_file())
        names = [name for name in found if name.startswith(prefix)]
        entries = "".join(
            f"<Contents><Key>{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;1&quot;</ETag>"
            f"<Size>{(bucket / name).stat().st_size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for name in names
        )
        return (
            f'<?xml version="1.0"?><ListBucketResult><Name>{bucket.name}</Name><Prefix>{prefix}</Prefix>'
            f"<KeyCount>{len(names)}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        ).encode()

    def send(self, status, data, headers=None, *, body, truncated=False):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.server_of.sent += len(data)
            self.wfile.write(data[: len(data) // 2] if truncated else data)
        if truncated:
            self.close_connection = True


class XRootD:
    """An XRootD server on a port of its own, which can go away and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        (self.data / "eos").mkdir(parents=True)
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        self.url = f"root://{HOST}:{self.port}/"
        (folder / "xrootd.cfg").write_text(
            f"all.export / nolock r/o\noss.localroot {self.data}\nall.adminpath {folder}/admin\nall.pidpath {folder}/admin\n"
            f"xrd.port {self.port}\nxrootd.chksum max 2 adler32\n"
        )
        (folder / "admin").mkdir()
        self._process = None

    def start(self):
        """Start, and wait until it listens."""
        command = ["xrootd", "-c", self.folder / "xrootd.cfg", "-l", self.folder / "admin" / "log"]
        if os.getuid() == 0:  # it refuses to run as root
            shutil.chown(self.folder / "admin", "nobody")
            command += ["-R", "nobody"]
        self._process = subprocess.Popen(command, cwd=self.folder, start_new_session=True)
        for _ in range(500):
            with socket.socket() as test:
                if not test.connect_ex((HOST, self.port)):
                    return
            assert self._process.poll() is None, "xrootd did not start"
            time.sleep(0.02)
        raise AssertionError("xrootd does not listen")

    def stop(self):
        """Let it go away, without a farewell."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


@contextmanager
def serving(folder: Path):
    """Serve a folder by http."""
    server = FileServer(folder)
    try:
        yield server
    finally:
        server.close()
