"""`python -m tests.faults.steps_server`: imports everything once, with its awaits numbered; each life is a fork.

A line of JSON asks for a life: its name, its arguments, where to die (or null), a folder to leave notes in. The answer
is a line with the exit code, negative for a signal.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop

from tests.faults.steps_death import Death, arm, known, passes
from tests.faults.steps_numbering import number_awaits

PACKAGES = ("libs.common", "services.")
LIVES = "tests.faults.steps_lives"
LONGEST_SECONDS = 90


def _live(asked: dict[str, Any]) -> int:
    """Live one life, to its end or to the death that was asked for, and note how often each step was passed."""
    signal.alarm(LONGEST_SECONDS)  # Who hangs is killed by it, which is not the death that was asked for.
    folder = Path(asked["folder"])
    if asked["death"] is not None:
        arm(Death(*asked["death"]))
    try:
        life = getattr(import_module(LIVES), asked["life"])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(life(folder, **asked["arguments"]))
    except BaseException:
        (folder / "failure.txt").write_text(traceback.format_exc())
        return 1
    (folder / "passes.json").write_text(json.dumps([[*key, count] for key, count in passes.items()]))
    return 0


def main() -> None:
    """Serve until the input ends."""
    number_awaits(*PACKAGES)
    import_module(LIVES)
    # What the numbered code prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    answers.write(json.dumps(known) + "\n")
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(_live(asked))
        _, status = os.waitpid(pid, 0)
        answers.write(json.dumps(os.waitstatus_to_exitcode(status)) + "\n")


if __name__ == "__main__":
    main()
