"""Servers of remote files: what reads an address, time limits, new attempts, and errors that name the address.

All protocols are read through fsspec. What waiting may repair (a server that is away, a connection that breaks) is tried
again; what it cannot (no such file, no permission, another file) is told at once.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from contextlib import suppress
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fsspec.asyn import get_loop
from fsspec.config import conf
from fsspec.core import url_to_fs
from fsspec.implementations.cached import CachingFileSystem, SimpleCacheFileSystem

from bdana.errors import BadFileError, InputError
from bdana.events.location import EXTRAS, protocols

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bdana.events.remote_config import RemoteConfig

__all__ = ["Refused", "Server"]

_log = logging.getLogger(__name__)
Result = TypeVar("Result")

_LONGEST_WAIT_S = 60.0
_NO_FILE = "no such file on the server"
_NO_PERMISSION = "no permission to read it; log in (kinit, voms-proxy-init, `aws configure`), or ask who may"
_NO_USE = {
    r"\[3011\]|No such file|FileNotFoundError|NoSuchKey|NoSuchBucket": _NO_FILE,
    r"\[3016\]|IsADirectoryError": "is a folder, not a ROOT file",
    r"\[3010\]|\[3030\]|[Aa]uth failed|[Pp]ermission denied|PermissionError|AccessDenied": _NO_PERMISSION,
    r"[Ii]nvalid address|Name or service not known|nodename nor servname|No address associated": "there is no server of that "
    "name; check the address and the network",
    r"[Cc]ertificate|CERTIFICATE": "the certificate of the server is not trusted; SSL_CERT_FILE names more authorities",
    r"[Cc]redentials": "the server asks who you are; `aws configure`, or FSSPEC_S3='{\"anon\": true}' for a public bucket",
}
"""Signs of an error that no new attempt helps against, and what is told then."""

_HTTP_REFUSALS = {404: _NO_FILE, 410: _NO_FILE, 401: _NO_PERMISSION, 403: _NO_PERMISSION, 407: _NO_PERMISSION}
"""Answers of http that will be the same next time, likewise."""


class Refused(Exception):  # noqa: N818 - people see the InputError that is made of it
    """What no new attempt changes, in words that follow the address."""


class Server:
    """What answers at an address.

    Parameters
    ----------
    address : str
    config : RemoteConfig

    Attributes
    ----------
    files : fsspec file system
    path : str
        What the server calls the file.

    Raises
    ------
    InputError
        When what reads such addresses is not installed.
    """

    def __init__(self, address: str, config: RemoteConfig) -> None:
        self.address, self.config = address, config
        try:
            self.files, self.path = _file_system(address, config)
        except Exception as err:  # fsspec and its clients raise many kinds
            raise InputError(_not_opened(address, err)) from err
        self.http = type(self.files).__module__ == "fsspec.implementations.http"
        self.asynchronous = self.files.async_impl and not isinstance(self.files, CachingFileSystem)

    @property
    def behind_caches(self) -> Any:
        """The file system that caches, if there are any, are filled from."""
        files = self.files
        while isinstance(files, CachingFileSystem):
            files = files.fs
        return files

    def persist(self, attempt: Callable[[], Result], again: Callable[[], object] | None = None) -> Result:
        """Return what an attempt returns, after as many as the configuration allows.

        Parameters
        ----------
        attempt : callable
        again : callable, optional
            Called before each further attempt, and part of it.

        Raises
        ------
        InputError
            When the last one failed, or none will help.
        """
        begun, retries = time.monotonic(), self.config.retries
        number = 0
        while True:
            try:
                if number and again is not None:
                    again()
                return attempt()
            except Exception as err:  # fsspec and its clients raise many kinds
                reason = _no_use(err)
                if reason is not None:
                    of_file = isinstance(err, Refused) or reason in {_NO_FILE, _NO_PERMISSION}
                    raise (BadFileError if of_file else InputError)(f"{self.address}: {reason}") from err
                told = self._told(err)
                if number == retries:
                    raise self._given_up(told, time.monotonic() - begun) from err
            wait = min(self.config.wait_s * 2**number, _LONGEST_WAIT_S)
            number += 1
            _log.warning("%s: %s; asked again in %g s (%d of %d)", self.address, told, wait, number, retries)
            time.sleep(wait)

    def within_time(self, question: Coroutine[Any, Any, Result]) -> Result:
        """Return the answer to one question of an asynchronous client.

        Parameters
        ----------
        question : coroutine

        Raises
        ------
        TimeoutError
            When there is none within the time limit.
        """
        return self.answer(asyncio.wait_for(question, self.config.timeout_s))

    def answer(self, question: Coroutine[Any, Any, Result]) -> Result:
        """Return the answer to a question that keeps the time itself.

        Parameters
        ----------
        question : coroutine
        """
        return asyncio.run_coroutine_threadsafe(question, get_loop()).result()

    def forget(self) -> None:
        """Drop what a broken connection left behind: a handle, a list, half of a file in a cache."""
        with suppress(Exception):
            if isinstance(self.files, SimpleCacheFileSystem):
                Path(self.files._check_file(self.path)).unlink()
            elif isinstance(self.files, CachingFileSystem):
                self.files.pop_from_cache(self.path)
            self.files.invalidate_cache(self.path)

    def _told(self, err: BaseException) -> str:
        if isinstance(err, FileNotFoundError) and err.__cause__ is not None:
            return self._told(err.__cause__)
        if isinstance(err, TimeoutError) or "peration expired" in str(err):
            return f"no answer within {self.config.timeout_s:g} s"
        return f"{type(err).__name__}: {_first_line(err)}"

    def _given_up(self, told: str, seconds: float) -> InputError:
        attempts = self.config.retries + 1
        asked = f"asked {attempts} times in {seconds:.0f} s" if attempts > 1 else "asked once"
        return InputError(
            f"{self.address}: cannot be read ({told}; {asked}); is the server up? Try later, wait longer (`--set "
            "remote.retries=10`, `--set remote.timeout_s=300`), or copy the file here"
        )


def _file_system(address: str, config: RemoteConfig) -> tuple[Any, str]:
    """Return the fsspec file system of an address, and what it calls the file."""
    used = protocols(address)
    if {"roots", "xroots"} & set(used):
        raise Refused("write root://: server and client agree on TLS by themselves")
    caches, separator, plain = address.rpartition("::")
    if used[-1] == "xroot":  # fsspec knows one name
        plain = f"root://{plain.partition('://')[2]}"
    options = {
        protocol: _options(protocol, config) for protocol in {*protocols(plain), *used} & _OPTIONS.keys()
    }
    files, path = url_to_fs(f"{caches}{separator}{plain}", **options)
    return files, str(path)


def _of_http(limit: float) -> dict[str, dict[str, Any]]:
    timeout = import_module("aiohttp").ClientTimeout(total=None, sock_connect=limit, sock_read=limit)
    return {"client_kwargs": {"trust_env": True, "timeout": timeout}}  # proxies as the environment names them


def _of_s3(limit: float) -> dict[str, dict[str, Any]]:
    return {"config_kwargs": {"connect_timeout": limit, "read_timeout": limit}}


def _of_xrootd(limit: float) -> dict[str, Any]:
    """Return the options of XRootD, whose own client also must not keep a failure for its half an hour."""
    client = import_module("XRootD.client.env")
    for name, value in {
        "ConnectionWindow": ceil(limit),
        "ConnectionRetry": 1,
        "StreamErrorWindow": 0,
        "TimeoutResolution": 1,
    }.items():
        client.EnvPutInt(name, value)  # not done where the environment has XRD_...
    return {"timeout": ceil(limit), "use_listings_cache": False}


_OPTIONS: dict[str, Callable[[float], dict[str, Any]]] = {
    "http": _of_http,
    "https": _of_http,
    "s3": _of_s3,
    "s3a": _of_s3,
    "root": _of_xrootd,
}


def _options(protocol: str, config: RemoteConfig) -> dict[str, Any]:
    """Return the options of a protocol, with those of fsspec's own configuration."""
    own = conf.get(protocol, {})
    return {
        name: {**value, **own.get(name, {})} if isinstance(value, dict) else value
        for name, value in _OPTIONS[protocol](config.timeout_s).items()
    }


def _not_opened(address: str, err: Exception) -> str:
    if isinstance(err, Refused):
        return f"{address}: {err}"
    protocol = address.partition("://")[0].rpartition("::")[2].lower()
    missing = isinstance(err, ImportError) or "Protocol not known" in str(err)
    extra = EXTRAS.get(protocol)
    if missing and extra is not None:
        return f"{address}: reading {protocol}:// needs the extra '{extra}': pip install 'bdana[{extra}]', or copy the file here"
    advice = "install what reads it, or copy the file here" if missing else "copy the file here"
    return f"{address}: cannot be read ({_first_line(err)}); {advice}"


def _no_use(err: BaseException) -> str | None:
    """Return what is told of an error that no new attempt helps against; None for others."""
    if isinstance(err, Refused):
        return str(err)
    if (
        isinstance(err, FileNotFoundError) and err.__cause__ is not None
    ):  # fsspec says so of whatever http fails with
        return _no_use(err.__cause__)
    status = getattr(err, "status", 0)
    if status in _HTTP_REFUSALS:
        return _HTTP_REFUSALS[status]
    text = f"{type(err).__name__}: {err}"
    return next((told for sign, told in _NO_USE.items() if re.search(sign, text)), None)


def _first_line(err: BaseException) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0]
