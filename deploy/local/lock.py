"""One run per checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.child import LocalError


class AlreadyRunning(LocalError):
    """Another process of this checkout holds the lock."""


@contextmanager
def hold_lock(lock_file: Path) -> Iterator[None]:
    """Hold the checkout's lock; raise AlreadyRunning at once if another process does.

    The system gives the lock back when the holder ends, however it ends, so it never grows stale.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise AlreadyRunning(
                f"đang chạy trong thư mục này (pid {pid}): dừng nó bằng Ctrl-C trước\n"
                f"already running in this folder (pid {pid}): end that one with Ctrl-C first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
