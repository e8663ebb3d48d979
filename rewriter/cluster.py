"""`--executor dask://HOST:PORT`: the workers of a Dask cluster, which see the files under the same paths as this one.

What has been read of the project goes to each worker once, over the scheduler; each then reads no more than the files
that it parses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from importlib import import_module
from typing import Any

from rewriter.run import ExecutorError, Sharing
from rewriter.work import Work

SCHEME = "dask://"


@contextlib.contextmanager
def connected(address: str) -> Iterator[Sharing]:
    """The workers behind a scheduler, until the block ends; what they have not begun by then is given up."""
    try:
        distributed: Any = import_module("distributed")  # which has few types
    except ImportError as error:
        raise ExecutorError(f'--executor {address} needs Dask: pip install "torch-rewriter[dask]" ({error})') from error
    try:
        client = distributed.Client(address.replace(SCHEME, "tcp://", 1), set_as_default=False, timeout=10)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise ExecutorError(f"--executor {address}: no scheduler answers there: {error}") from error
    try:
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not workers:
            raise ExecutorError(f"--executor {address}: the scheduler has no workers; start one with `dask worker`")
        yield _Cluster(client, workers)
    finally:
        client.close()


class _Cluster(Sharing):
    def __init__(self, client: Any, workers: int) -> None:
        self.workers = workers
        self._client = client
        self._executor = client.get_executor(pure=False)
        self._shared: dict[int, tuple[Work, Any]] = {}

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        given = [self._once(argument) if isinstance(argument, Work) else argument for argument in arguments]
        future: Future[Any] = self._executor.submit(function, *given, **named)
        return future

    def _once(self, work: Work) -> Any:
        """A promise of the work, which every worker has."""
        if id(work) not in self._shared:
            self._shared[id(work)] = work, self._client.scatter(work, broadcast=True, hash=False)
        return self._shared[id(work)][1]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait)
