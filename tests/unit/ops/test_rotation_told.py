"""`rotate-key` names the step that comes next, and which process to restart before, by the name it has."""

import re

import pytest

from deploy.local.processes import APART
from deploy.ops.rotate_key import Standing


@pytest.mark.parametrize(
    ("standing", "step", "process"),
    [
        (Standing(chain=2, lifting=2, metrics=1, behind=0), "--lift-metrics", "metrics-consumer"),
        (Standing(chain=2, lifting=2, metrics=2, behind=7), "--lift-visits", "visits-api"),
    ],
)
def test_the_next_step_says_what_to_restart_on_one_machine(standing: Standing, step: str, process: str) -> None:
    assert standing.next.startswith(step)
    assert re.findall(r"python -m deploy\.local restart (\S+)", standing.next) == [process]
    assert process in {each.name for each in APART}
