"""Operations of the registry on what numbers are held against: denominators and targets."""

from dataclasses import replace

from libs.contracts.operations.model import GUARDED, TEXTS_BODY, Operation, Parameter, Words, paging
from libs.contracts.reference import DENOMINATOR_BASES
from libs.contracts.reference_api import (
    DenominatorBatch,
    DenominatorPage,
    ReferenceAnswer,
    TargetBatch,
    TargetPage,
)

__all__ = ["OPERATIONS"]

MODE = Parameter(
    "mode",
    "query",
    {"type": "string", "enum": ["commit", "validate"], "default": "commit"},
    Words("`validate`: trả lời như thật, không lưu gì.", "`validate`: answers all the same, stores nothing."),
)
ATOMIC = Parameter(
    "atomic",
    "query",
    {"type": "string", "enum": ["true", "false"], "default": "false"},
    Words("`true`: lưu tất cả hoặc không lưu gì.", "`true`: stores all rows or none."),
)
UNIT = Parameter(
    "unit",
    "query",
    {"type": "string"},
    Words(
        "id đơn vị, hoặc mã có hiệu lực vào ngày `on` (mặc định hôm nay); gồm cả cấp dưới khi `within=true`.",
        "Unit id, or a code valid on `on` (by default today); with all that lies in it where `within=true`.",
    ),
    "29905",
)
WITHIN = Parameter(
    "within",
    "query",
    {"type": "string", "enum": ["true", "false"], "default": "false"},
    Words("`true`: cả các đơn vị nằm trong đơn vị này.", "`true`: also the units that lie in this one."),
)

WRITE = Operation(
    method="POST",
    path="/v1/denominators",
    service="registry",
    scope="registry:write",
    operation_id="write_denominators",
    summary=Words("Ghi mẫu số", "Write denominators"),
    description=Words(
        "Mỗi dòng được trả lời riêng: `created`, `changed` (giá trị khác của một dòng đã có: bản mới), `same` hoặc "
        "`rejected` (xem `errors`). Tối đa 1.000 dòng. Gửi lại là an toàn. `population_adult` phải có `min_age`: không "
        "có một tuổi trưởng thành duy nhất. Không tự nghĩ ra dân số: hãy ghi `source`.",
        "Every row is answered by itself: `created`, `changed` (another value of a known row, a new revision), `same` "
        "or `rejected` (see `errors`). At most 1,000 rows. A resend is safe. `population_adult` needs `min_age`, as "
        "there is no one age of adulthood. Do not invent populations: name the `source`.",
    ),
    request=DenominatorBatch,
    response=ReferenceAnswer,
    parameters=(MODE, ATOMIC),
    problems=(*GUARDED, "bad_parameter", *TEXTS_BODY, "batch_not_stored"),
)

READ = Operation(
    method="GET",
    path="/v1/denominators",
    service="registry",
    scope="registry:read",
    operation_id="list_denominators",
    summary=Words("Mẫu số", "Denominators"),
    description=Words(
        "Dân số, số hộ, số thôn … của một đơn vị, kèm tuổi, ngày và nguồn. Với `on`: của mỗi đơn vị, loại và tuổi chỉ "
        "dòng mới nhất không sau ngày đó (của mọi nguồn cùng ngày ấy).",
        "Populations, households, thôn … of a unit, with ages, day and source. With `on`: of each unit, base and ages "
        "only the newest row not after that day (of every source of that same day).",
    ),
    response=DenominatorPage,
    parameters=(
        UNIT,
        WITHIN,
        Parameter(
            "base",
            "query",
            {"type": "string", "enum": list(DENOMINATOR_BASES)},
            Words("Loại mẫu số.", "The base."),
            "population_15_plus",
        ),
        Parameter(
            "on",
            "query",
            {"type": "string", "format": "date"},
            Words("Dòng mới nhất không sau ngày này.", "The newest row not after this day."),
            "2025-05-21",
        ),
        *paging(default=100, most=500),
    ),
    problems=(*GUARDED, "bad_parameter", "unknown_unit"),
    revalidates=True,
)

TARGETS = replace(
    WRITE,
    path="/v1/targets",
    operation_id="write_targets",
    summary=Words("Ghi chỉ tiêu phải đạt", "Write targets"),
    description=Words(
        "Chỉ số, đơn vị, giá trị, hạn, quyết định, và chỉ tiêu cấp trên mà nó góp vào (`parent`: cùng chỉ số, của một "
        "đơn vị cao hơn, không vòng lặp). Mỗi dòng được trả lời riêng như khi ghi mẫu số.",
        "Indicator, unit, value, due day, decision, and the target above that it serves (`parent`: of the same "
        "indicator, of a higher unit, no cycles). Every row is answered by itself, as when denominators are written.",
    ),
    request=TargetBatch,
)

READ_TARGETS = replace(
    READ,
    path="/v1/targets",
    operation_id="list_targets",
    summary=Words("Chỉ tiêu phải đạt", "Targets"),
    description=Words(
        "Chỉ tiêu của một đơn vị, của một chỉ số.",
        "The targets of a unit, of an indicator.",
    ),
    response=TargetPage,
    parameters=(
        UNIT,
        WITHIN,
        Parameter("indicator", "query", {"type": "string"}, Words("Mã chỉ số.", "The indicator's code."), "ADO-02"),
        *paging(default=100, most=500),
    ),
)

OPERATIONS = (WRITE, READ, TARGETS, READ_TARGETS)
"""Writing needs registry:write within the client's subtree, reading registry:read."""
