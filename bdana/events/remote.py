"""Remote files: ranges of their bytes for uproot, and the files that match a pattern."""

from __future__ import annotations

import asyncio
import hashlib
import re
from bisect import bisect_right
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import uproot
from uproot.source.chunk import Chunk, Source, notifier
from uproot.source.futures import TrivialFuture

from bdana.errors import InputError
from bdana.events.location import protocols
from bdana.events.servers import Refused, Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from queue import Queue

    from bdana.events.remote_config import RemoteConfig

__all__ = ["Identity", "RemoteFile", "RemoteSource", "matching", "open_address"]

Range = tuple[int, int]

_GAP = 32 * 1024
"""Ranges with at most these bytes between them are asked for as one: that costs less than one more question."""
_MOST = 8 * 1024 * 1024
"""Bytes of one question, which must be answered within the time limit."""
_AT_ONCE = 8
"""Questions to a server at the same time."""
_LATER = {408, 425, 429}
"""HTTP refusals that may be lifted later, as those from 500 on."""
_CHANGED = "was changed on the server while it was read; start again"


class Identity(NamedTuple):
    """What a server says of a file without sending it.

    Attributes
    ----------
    size : int
        In bytes.
    version : str
        Its ETag or the time of its last change; empty when the server tells neither.
    """

    size: int
    version: str


class RemoteFile:
    """The bytes of a remote file.

    Parameters
    ----------
    address : str
    config : RemoteConfig

    Attributes
    ----------
    identity : Identity
        Size and version; a file that changes while it is read is an error.

    Raises
    ------
    InputError
        When the server has no such file, does not answer, or what reads such addresses is not installed.
    """

    def __init__(self, address: str, config: RemoteConfig) -> None:
        self.server = Server(address, config)
        self.identity = self.server.persist(self._look, self.server.forget)

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of ranges from start to stop; what a server fails to send is asked for again.

        Parameters
        ----------
        ranges : sequence of (int, int)

        Raises
        ------
        InputError
            When they cannot be had, or the file has changed.
        """
        asked = _merged(ranges)
        got: dict[Range, bytes] = {}

        def attempt() -> None:
            missing = [one for one in asked if one not in got]
            found = dict(zip(missing, self._bytes_of(missing), strict=True))
            got.update(
                {
                    one: data
                    for one, data in found.items()
                    if isinstance(data, bytes) and len(data) == one[1] - one[0]
                }
            )
            wrong = [data for one, data in found.items() if one not in got]
            errors = [data for data in wrong if isinstance(data, BaseException)]
            if wrong:
                refused = [err for err in errors if isinstance(err, Refused)]
                raise next(iter(refused + errors), OSError("the answer is cut short"))

        def again() -> None:
            self.server.forget()
            if self._look() != self.identity:
                raise Refused(_CHANGED)

        self.server.persist(attempt, again)
        return [_joined(got, asked, start, stop) for start, stop in ranges]

    def sha256(self) -> str:
        """Return the SHA-256 of all bytes.

        Raises
        ------
        InputError
            As for `read`.
        """
        digest = hashlib.sha256()
        for start in range(0, self.identity.size, _MOST):
            digest.update(self.read([(start, min(start + _MOST, self.identity.size))])[0])
        return digest.hexdigest()

    def _look(self) -> Identity:
        """Ask the server for size and version."""
        server = self.server
        if server.http:
            return server.within_time(self._http_range(0, 1))[1]
        if server.asynchronous:
            info = server.within_time(server.files._info(server.path))
        else:
            info = server.behind_caches.info(server.path)
        if info.get("type") == "directory":
            raise Refused("is a folder, not a ROOT file")
        version = next(
            (info[key] for key in ("ETag", "mtime", "LastModified", "created") if info.get(key)), ""
        )
        if info.get("size") is None:
            raise Refused("the server does not tell how large it is; copy the file here")
        return Identity(int(info["size"]), str(version))

    def _bytes_of(self, ranges: Sequence[Range]) -> list[bytes | BaseException]:
        """Ask for ranges, side by side where the client can; an error stands for a range that was not sent."""
        server = self.server
        if not server.asynchronous:  # caches, whose own client keeps the time
            starts, stops = [start for start, _ in ranges], [stop for _, stop in ranges]
            return server.files.cat_ranges([server.path] * len(ranges), starts, stops, on_error="return")

        async def side_by_side() -> list[bytes | BaseException]:
            free = asyncio.Semaphore(_AT_ONCE)

            async def one(start: int, stop: int) -> bytes:
                async with free:
                    return await asyncio.wait_for(self._range(start, stop), server.config.timeout_s)

            return await asyncio.gather(*(one(*asked) for asked in ranges), return_exceptions=True)

        return server.answer(side_by_side())

    async def _range(self, start: int, stop: int) -> bytes:
        if not self.server.http:
            return await self.server.files._cat_file(self.server.path, start=start, end=stop)
        data, identity = await self._http_range(start, stop)
        if identity != self.identity:
            raise Refused(_CHANGED)
        return data

    async def _http_range(self, start: int, stop: int) -> tuple[bytes, Identity]:
        """Return a range and what it is of; fsspec itself takes whatever a server sends for what was asked."""
        files = self.server.files
        session, options = await files.set_session(), dict(files.kwargs)
        headers = options.pop("headers", {}) | {
            "Range": f"bytes={start}-{stop - 1}",
            "Accept-Encoding": "identity",
        }
        async with session.get(files.encode_url(self.server.path), headers=headers, **options) as answer:
            told = f"{answer.status} {answer.reason or ''}".strip()
            if answer.status >= 500 or answer.status in _LATER:
                raise OSError(f"the server says {told}")
            if answer.status != 206:
                raise Refused(_http_refusal(answer.status, told, answer.headers.get("Content-Type", "")))
            sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
            if sent is None or int(sent[1]) != start:
                raise OSError(f"asked for byte {start}, got {answer.headers.get('Content-Range')}")
            version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            return await answer.read(), Identity(int(sent[2]), version)


def _http_refusal(status: int, told: str, content: str) -> str:
    if status == 200 and content.startswith("text/html"):
        return "the server sends a web page, perhaps to log in, and no ROOT file; check the address"
    if status == 200:
        return "the server ignores the range of bytes that it is asked for; put simplecache:: in front of the address"
    if status in {404, 410}:
        return f"no such file on the server ({told})"
    if status in {401, 403, 407}:
        return f"no permission to read it ({told}): log in, or ask who may"
    if status == 416:
        return "is empty, or cut short"
    return f"cannot be read ({told}); check the address"


class RemoteSource(Source):  # type: ignore[misc] # uproot is untyped
    """Bytes of a remote file as uproot asks for them.

    Parameters
    ----------
    address : str
    remote : RemoteConfig
    **options
        Those of `uproot.open`, of which none matters here.
    """

    def __init__(self, address: str, *, remote: RemoteConfig, **options: Any) -> None:
        del options
        super().__init__()
        self._file_path = address
        self.file = RemoteFile(address, remote)
        self._num_bytes = self.file.identity.size
        self._closed = False

    def __repr__(self) -> str:
        return f"<RemoteSource {self._file_path!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._closed = True

    @property
    def closed(self) -> bool:
        """Whether uproot closed it."""
        return self._closed

    def chunk(self, start: int, stop: int) -> Chunk:
        """Return a range of bytes.

        Parameters
        ----------
        start, stop : int
        """
        return self._chunks([(start, stop)])[0]

    def chunks(self, ranges: list[Range], notifications: Queue[Chunk]) -> list[Chunk]:
        """Return ranges of bytes, and put each into a queue.

        Parameters
        ----------
        ranges : list of (int, int)
        notifications : queue
        """
        chunks = self._chunks(ranges)
        for chunk in chunks:
            notifier(chunk, notifications)()
        return chunks

    def _chunks(self, ranges: Sequence[Range]) -> list[Chunk]:
        self._num_requests += 1
        self._num_requested_chunks += len(ranges)
        self._num_requested_bytes += sum(stop - start for start, stop in ranges)
        # uproot's first question may go beyond the end of a small file.
        there = [(min(start, self._num_bytes), min(stop, self._num_bytes)) for start, stop in ranges]
        found = self.file.read(there)
        return [Chunk(self, *asked, TrivialFuture(data)) for asked, data in zip(ranges, found, strict=True)]


def open_address(address: str, config: RemoteConfig, **options: Any) -> Any:
    """Open the ROOT file at an address with uproot.

    Parameters
    ----------
    address : str
    config : RemoteConfig
    **options
        Of `uproot.open`.

    Raises
    ------
    InputError
        As for `RemoteFile`.
    Exception
        Of many kinds, by uproot, for what is no ROOT file.
    """
    return uproot.open({address: None}, handler=RemoteSource, remote=config, **options)


def matching(pattern: str, config: RemoteConfig) -> list[str]:
    """Return the addresses that match a pattern with `*`, in order, as the server lists them.

    Parameters
    ----------
    pattern : str
        `*`, `?` and `[ab]` within a folder, `**` for any folders below.
    config : RemoteConfig

    Raises
    ------
    InputError
        When nothing matches, or the server does not answer.
    """
    caches, separator, plain = pattern.rpartition("::")
    server = Server(plain, config)
    # A folder that cannot be listed is an error, not a folder without files; s3 has no folders, and says so itself.
    options = {} if protocols(plain)[-1] in {"s3", "s3a"} else {"on_error": "raise"}
    found = server.persist(lambda: server.files.glob(server.path, **options), server.forget)
    hidden = server.path.rpartition("/")[2].startswith(".")
    names = [
        server.files.unstrip_protocol(name)
        for name in found
        if hidden or not name.rpartition("/")[2].startswith(".")
    ]
    if not names:
        raise InputError(f"{pattern}: no file on the server matches")
    return [f"{caches}{separator}{name}" for name in sorted(names)]


def _merged(ranges: Sequence[Range]) -> list[Range]:
    """Return the pieces to ask for: neighbours as one, none too long, in order."""
    joined: list[list[int]] = []
    for start, stop in sorted(one for one in ranges if one[0] < one[1]):
        if joined and start <= joined[-1][1] + _GAP:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    return [
        (begin, min(begin + _MOST, stop)) for start, stop in joined for begin in range(start, stop, _MOST)
    ]


def _joined(got: dict[Range, bytes], asked: Sequence[Range], start: int, stop: int) -> bytes:
    """Return a range out of the pieces that cover it."""
    if start == stop:
        return b""
    begin = bisect_right(asked, start, key=lambda piece: piece[0]) - 1
    covering = takewhile(lambda piece: piece[0] < stop, asked[begin:])
    return b"".join(got[first, last][max(start - first, 0) : stop - first] for first, last in covering)
