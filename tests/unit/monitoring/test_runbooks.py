"""Runbooks: whoever is woken finds what it looks like, where to look, what to do and how to see that it is done."""

import importlib
import io
import re
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from tests.support.monitoring import ROOT, alerts

FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
PARTS = ["Symptom", "Look", "Do", "Check"]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"python -m deploy\.(ops|local) ([a-z-]+)")
VIETNAMESE = re.compile(r"[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.IGNORECASE)


def test_every_alert_has_a_page() -> None:
    assert {alert.name for alert in alerts()} <= {page.stem for page in PAGES}


def test_no_page_is_of_an_alert_that_is_gone() -> None:
    of_alerts = {page.stem for page in PAGES if page.stem[0].isupper()}
    assert of_alerts == {alert.name for alert in alerts()}


@EACH
def test_a_page_has_its_four_parts_and_begins_in_vietnamese(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")][:4] == PARTS
    title, summary, *_ = text.split("\n\n")
    assert title.startswith("# ")
    assert VIETNAMESE.search(summary)
    for part in PARTS:
        body = text.split(f"## {part}\n")[1].split("\n## ")[0]
        assert len(body.strip()) > 10, part


@EACH
def test_a_pages_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        assert target.startswith("http") or (FOLDER / target).exists(), target


def test_the_index_names_every_page_once() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    linked = [target for target in LINK.findall(index) if target.endswith(".md")]
    assert sorted(linked) == [page.name for page in PAGES]


@EACH
def test_a_pages_commands_exist(page: Path) -> None:
    for program, command in COMMAND.findall(page.read_text(encoding="utf-8")):
        assert command in _commands(program), f"python -m deploy.{program} {command}"


@cache
def _commands(program: str) -> frozenset[str]:
    """Ask a program for its help, which begins a line with each command."""
    main, said = importlib.import_module(f"deploy.{program}.__main__"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(sys, "argv", [program, "--help"])
        with pytest.raises(SystemExit):
            main.main()
    return frozenset(re.findall(r"^    ([a-z-]+)", said.getvalue(), re.MULTILINE))
