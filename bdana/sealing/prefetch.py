"""An iterator whose next item is made in a thread while the last one is used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["prefetch"]

Item = TypeVar("Item")


@contextmanager
def prefetch(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Iterate over items, each made in a thread while the one before is used: at most two are in memory.

    Parameters
    ----------
    items : iterator
    """
    end = object()
    with ThreadPoolExecutor(1) as pool:

        def take() -> Iterator[Item]:
            following = pool.submit(next, items, end)
            while (item := following.result()) is not end:
                following = pool.submit(next, items, end)
                yield item  # type: ignore[misc] # it is no end

        yield take()
