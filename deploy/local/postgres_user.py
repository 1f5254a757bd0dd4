"""Who PostgreSQL runs as: it refuses root, so root lends it an unprivileged user."""

import os
import pwd
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.child import LocalError
from deploy.local.say import Say

UNPRIVILEGED = "nobody"  # Exists on every Linux and macOS, so no user need be made.
# Not left to the keyword `user` of a subprocess, which uvloop does not know.
BECOME = (
    "import os, sys; os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[2])); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


@dataclass(frozen=True)
class SystemUser:
    """The user of the server's processes and files; nothing needs lending when we are not root."""

    uid: int
    gid: int
    lent: bool

    def command(self, words: Sequence[str]) -> list[str]:
        """The words that run a command as this user, under the process id it is started with."""
        become = [sys.executable, "-I", "-S", "-c", BECOME, str(self.gid), str(self.uid)]
        return [*become, *words] if self.lent else [*words]

    def own(self, path: Path) -> None:
        """Give a file or folder of ours to this user."""
        if self.lent:
            os.chown(path, self.uid, self.gid)

    def open_way_to(self, path: Path, say: Say) -> None:
        """Let this user pass through (not list) the folders that lead to a path, and say which were closed."""
        closed = [folder for folder in path.parents if self.lent and not folder.stat().st_mode & stat.S_IXOTH]
        for folder in closed:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
        if closed:
            names = ", ".join(map(str, closed))
            say(f"PostgreSQL: refuses root, so it runs as {UNPRIVILEGED}, who may now pass through {names}")


def choose_user(data_dir: Path) -> SystemUser:
    """Ourselves, or for root the owner of the data there is, else an unprivileged user."""
    if os.geteuid() != 0:
        return SystemUser(os.geteuid(), os.getegid(), lent=False)
    if data_dir.exists() and data_dir.stat().st_uid != 0:
        return SystemUser(data_dir.stat().st_uid, data_dir.stat().st_gid, lent=True)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise LocalError(
            f"PostgreSQL refuses to run as root, and there is no user {UNPRIVILEGED} to run it as: "
            "start as an ordinary user, or set DATABASE_URL to a server you have."
        ) from None
    return SystemUser(entry.pw_uid, entry.pw_gid, lent=True)
