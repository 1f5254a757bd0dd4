"""The answers as a person reads them, and as a script does."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from deploy.ops.settings import ROOT
from deploy.ops.status.answers import Answer, Check, Light
from libs.common.meters import QUESTIONS

__all__ = ["as_json", "as_text"]

WORDS = {
    Light.GREEN: ("tốt", "well"),
    Light.YELLOW: ("để ý", "look"),
    Light.UNKNOWN: ("không rõ", "unknown"),
    Light.RED: ("phải xử lý", "act"),
}
NAMES = {Light.GREEN: "green", Light.YELLOW: "yellow", Light.UNKNOWN: "unknown", Light.RED: "red"}
_COLOURS = {Light.GREEN: "32", Light.YELLOW: "33", Light.UNKNOWN: "35", Light.RED: "31"}


def as_text(answers: Sequence[Answer], at: float, *, coloured: bool, runbooks: Path = ROOT / "docs/runbooks") -> str:
    """Five blocks: the light and the question, its checks, what to read where one is not well."""
    moment = datetime.fromtimestamp(at, ZoneInfo("Asia/Ho_Chi_Minh"))
    lines = [f"Từng Nhà, {moment:%d/%m/%Y %H:%M:%S}"]
    for answer in answers:
        vi, en = QUESTIONS[answer.question]
        lines += ["", f"{_lamp(answer.light, coloured)}  {vi} · {en}"]
        for check in answer.checks:
            mark = " " if check.light is Light.GREEN else "!"
            lines.append(f"  {mark} {check.vi} · {check.en}")
            if check.light is not Light.GREEN and check.runbook:
                lines.append(f"      → {_page(check, runbooks)}")
    return "\n".join(lines) + "\n"


def _lamp(light: Light, coloured: bool) -> str:
    vi, en = WORDS[light]
    words = f"● {NAMES[light].upper():7} {vi} · {en}"
    return f"\x1b[1;{_COLOURS[light]}m{words}\x1b[0m" if coloured else words


def _page(check: Check, runbooks: Path) -> str:
    page = runbooks / f"{check.runbook}.md"
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else str(page)


def as_json(answers: Sequence[Answer], at: float) -> str:
    """One object with everything; lights by their names."""
    told = {
        "at": datetime.fromtimestamp(at, ZoneInfo("Asia/Ho_Chi_Minh")).isoformat(),
        "light": NAMES[max(answer.light for answer in answers)],
        "questions": [
            {
                "question": answer.question,
                "light": NAMES[answer.light],
                "checks": [
                    {
                        "check": check.name,
                        "light": NAMES[check.light],
                        "vi": check.vi,
                        "en": check.en,
                        **({"runbook": f"docs/runbooks/{check.runbook}.md"} if check.runbook else {}),
                    }
                    for check in answer.checks
                ],
            }
            for answer in answers
        ],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"
