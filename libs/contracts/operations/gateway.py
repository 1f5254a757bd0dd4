"""Operations that the gateway answers itself: what the codes of problems mean."""

from dataclasses import replace

from libs.contracts.operations.model import Operation, Parameter, Words
from libs.contracts.problem_api import ProblemCatalogue, ProblemMeaning

__all__ = ["OPERATIONS"]

LIST = Operation(
    method="GET",
    path="/problems",
    service="gateway",
    scope=None,
    operation_id="list_problems",
    summary=Words("Mọi mã lỗi", "Every problem code"),
    description=Words(
        "Mã lỗi và ý nghĩa bằng tiếng Việt, tiếng Anh; JSON, hoặc HTML nếu trình duyệt hỏi.",
        "Codes with their meaning in Vietnamese and English; JSON, or HTML when a browser asks.",
    ),
    response=ProblemCatalogue,
    problems=("internal_error",),
    revalidates=True,
)

OPERATIONS = (
    LIST,
    replace(
        LIST,
        path="/problems/{code}",
        operation_id="read_problem",
        summary=Words("Một mã lỗi", "One problem code"),
        description=Words(
            "Địa chỉ mà `type` của mỗi lỗi trỏ tới.",
            "The address that the `type` of a problem points at.",
        ),
        response=ProblemMeaning,
        parameters=(
            Parameter(
                "code",
                "path",
                {"type": "string"},
                Words("Mã lỗi.", "The code."),
                example="stale_revision",
                required=True,
            ),
        ),
        problems=("not_found", "internal_error"),
    ),
)
"""Public, so that the `type` of every problem resolves."""
