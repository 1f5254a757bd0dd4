"""A quicker start of the broker: what the Java machine has to load and link anew each time is kept in a file.

With the file a start takes less than half the work. To make it takes a broker that is started for nothing else and a
quarter of a minute, so this is for where many brokers start: tests make it, `make up` and `make demo` use it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from deploy.local.jars import LIST_FILE

__all__ = ["QuickStart"]


class QuickStart:
    """The file for one Java and one list of jars."""

    def __init__(self, cache_dir: Path, java: Path) -> None:
        """The file lies in the cache; nothing is made yet."""
        status = java.stat()
        mark = f"{LIST_FILE.read_text()} {java} {status.st_size} {status.st_mtime_ns}"
        self.file = cache_dir.absolute() / f"kafka-{hashlib.sha256(mark.encode()).hexdigest()[:12]}.aot"
        self._noted = self.file.with_suffix(".noted")

    def options(self) -> Sequence[str]:
        """Make use of the file, where there is one; a Java that cannot use it goes on without."""
        return [f"-XX:AOTCache={self.file}"] if self.file.exists() else []

    def recording(self) -> Sequence[str]:
        """Have a broker note what it loads; it writes that down when it is stopped."""
        return ["-XX:AOTMode=record", f"-XX:AOTConfiguration={self._noted}"]

    @property
    def unfinished(self) -> Path:
        """What is being made."""
        return self.file.with_suffix(".new")

    def making(self) -> Sequence[str]:
        """Have Java make the unfinished file of what was noted, and end."""
        return ["-XX:AOTMode=create", f"-XX:AOTConfiguration={self._noted}", f"-XX:AOTCache={self.unfinished}"]

    def made(self) -> None:
        """Have the file used from now on."""
        self._noted.unlink()
        self.unfinished.replace(self.file)
