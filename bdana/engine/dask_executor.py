"""Executor of dask workers: on this machine, of a scheduler that runs already, or of the jobs of a batch system."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import pickle
import threading
import uuid
import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from bdana._version import __version__
from bdana.engine.executors import raise_sent
from bdana.engine.processes import signals_wait
from bdana.errors import BdanaError, ConfigError, InputError, UserCodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["BatchSystem", "DaskExecutor"]

Item = TypeVar("Item")
Result = TypeVar("Result")

WAITING = 4
"""Items that are sent and not yet taken back, for each worker."""
WAIT_FOR_SCHEDULER = "20s"
CLUSTERS = {"htcondor": "HTCondorCluster", "slurm": "SLURMCluster"}


@dataclass(frozen=True)
class BatchSystem:
    """Batch system whose jobs are dask workers.

    Attributes
    ----------
    system : {"htcondor", "slurm"}
    jobs : int
        Number of jobs.
    cores : int
        Of each job; as many workers run in it.
    memory : str
        Of each job, such as "4GB".
    options : mapping
        What else dask-jobqueue takes for the system, by its own names.
    """

    system: str
    jobs: int
    cores: int
    memory: str
    options: Mapping[str, Any] = field(default_factory=dict)


class DaskExecutor:
    """Executor that runs items on dask workers, which replace what is lost and share the work among them.

    Parameters
    ----------
    workers : int
        Number of workers on this machine, where no other are named.
    scheduler : str, optional
        Address of a scheduler that runs, such as `tcp://host:8786`.
    batch_system : BatchSystem, optional
        Where jobs are submitted, when there is no scheduler.

    Raises
    ------
    ConfigError
        When dask is not installed, or there is no scheduler at the address.
    """

    def __init__(
        self, workers: int = 1, scheduler: str | None = None, batch_system: BatchSystem | None = None
    ) -> None:
        if workers < 1:
            raise ConfigError(f"--workers {workers}: give at least 1")
        self.workers, self.scheduler, self.batch_system = workers, scheduler, batch_system
        self._dask = _imported("distributed", "--executor dask")
        self._running: Any = None
        self._close: Callable[[], Any] = contextlib.nullcontext

    def __repr__(self) -> str:
        where = self.scheduler or (self.batch_system.system if self.batch_system else self.workers)
        return f"DaskExecutor({where})"

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order; a few items a worker are on their way at a time.

        Parameters
        ----------
        function, items
            As for `Executor.map`.

        Raises
        ------
        InputError
            When workers are lost again and again at one item, or the scheduler is.
        """
        client = self._client()
        sent = pickle.dumps(function)
        name = f"bdana-{hashlib.sha256(sent).hexdigest()[:16]}-{uuid.uuid4().hex[:8]}"
        # The scheduler hands a plugin to every worker, also to those that come later.
        plugin = self._dask.WorkerPlugin()
        plugin.name, plugin.sent, plugin.version = name, sent, __version__
        waiting: deque[Any] = deque()
        try:
            client.register_plugin(plugin, name=name)
            room = 0
            for number, item in enumerate(items):
                if number % 64 == 0:
                    room = max(2, WAITING * sum(client.nthreads().values()))
                waiting.append(client.submit(_call, name, item, key=f"{name}-{number}", pure=False))
                if len(waiting) >= room:
                    yield self._taken(waiting)
            while waiting:
                yield self._taken(waiting)
        except (OSError, TimeoutError) as err:
            raise self._gone(err) from err
        finally:
            for future in waiting:
                with contextlib.suppress(Exception):  # the scheduler may be no more
                    future.release()
            with contextlib.suppress(Exception):
                client.unregister_worker_plugin(name)

    def _taken(self, waiting: deque[Any]) -> Any:
        future = waiting.popleft()
        try:
            return future.result()
        except BdanaError as err:
            raise_sent(err)
        except self._dask.scheduler.KilledWorker as err:
            raise InputError(
                f"dask workers ended {err.allowed_failures + 1} times at the same work, mostly because memory ran out: use a "
                "lower --memory-limit"
            ) from err
        except (self._dask.client.FutureCancelledError, OSError, TimeoutError) as err:
            raise self._gone(err) from err

    def _gone(self, err: BaseException) -> InputError:
        return InputError(
            f"the dask scheduler{f' {self.scheduler}' if self.scheduler else ''} is no longer there ({type(err).__name__}); "
            "start again: with --resume FOLDER what was finished is kept"
        )

    def _client(self) -> Any:
        if self._running is None:
            closing = contextlib.ExitStack()
            try:
                with signals_wait():
                    cluster = self.scheduler or closing.enter_context(self._cluster())
                    self._running = closing.enter_context(
                        self._dask.Client(cluster, timeout=WAIT_FOR_SCHEDULER)
                    )
            except (OSError, ValueError, TimeoutError) as err:
                closing.close()
                what = f"--scheduler {self.scheduler}" if self.scheduler else "--executor dask"
                raise ConfigError(f"{what}: no dask scheduler there ({err})") from err
            self._close = weakref.finalize(self, _close, closing)
            # Messages of dask about workers that end are no messages of bdana.
            for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
                logging.getLogger(name).setLevel(logging.CRITICAL)
        return self._running

    def _cluster(self) -> Any:
        if self.batch_system is None:
            return self._dask.LocalCluster(
                n_workers=self.workers, threads_per_worker=1, dashboard_address=None, memory_limit=None
            )
        found = _imported("dask_jobqueue", "[cluster]")
        system = self.batch_system
        try:
            cluster = getattr(found, CLUSTERS[system.system])(
                cores=system.cores, processes=system.cores, memory=system.memory, **system.options
            )
        except (TypeError, ValueError) as err:
            said = str(err).partition(". ")[0]
            raise ConfigError(f"[cluster.options]: dask-jobqueue does not take them ({said})") from err
        cluster.scale(jobs=system.jobs)
        return cluster


def _close(closing: contextlib.ExitStack) -> None:
    with contextlib.suppress(Exception):  # at the end of the process its event loop may have gone before
        closing.close()


def _imported(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigError(
            f"{what} needs the extra 'dask': pip install 'bdana[dask]', or use --executor processes"
        ) from None


_lock = threading.Lock()
_known: dict[str, Callable[[Any], Any]] = {}


def _call(name: str, item: Any) -> Any:
    """Do an item in a worker, with the function that the plugin of this name holds."""
    plugin = importlib.import_module("distributed").get_worker().plugins[name]
    with _lock:  # one at a time in a process, however many threads a worker has
        if name not in _known:
            if plugin.version != __version__:
                raise ConfigError(
                    f"a dask worker has bdana {__version__}, and this is {plugin.version}: install one"
                )
            _known.clear()
            _known[name] = pickle.loads(plugin.sent)  # noqa: S301 - from the client of our own scheduler
        try:
            return _known[name](item)
        except UserCodeError as err:
            raise err.made_sendable() from err.__cause__
