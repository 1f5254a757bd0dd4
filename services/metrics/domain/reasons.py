"""Why figures cannot be held against each other, in words."""

from collections.abc import Mapping

from services.metrics.domain.statements import Wording

__all__ = ["REASONS"]

REASONS: Mapping[str, Wording] = {
    "different_indicator": Wording("Hai chỉ số khác nhau.", "They are different indicators."),
    "different_unit_of_count": Wording("Đơn vị đếm khác nhau.", "They are counted in different units."),
    "different_denominator": Wording(
        "Mẫu số khác nhau: hai tỷ lệ trên hai nhóm người khác nhau không trừ được cho nhau.",
        "Their denominators differ: two rates over different groups cannot be subtracted.",
    ),
    "unbounded_denominator": Wording(
        "Mẫu số không nêu độ tuổi: không biết là những ai.",
        "The denominator states no age: nobody knows who is in it.",
    ),
    "unstated_age_bound": Wording(
        "“Trưởng thành” không có một tuổi duy nhất, và nguồn không nêu tuổi.",
        "There is no one age of adulthood, and the source states none.",
    ),
    "different_part": Wording(
        "Nói về hai phần khác nhau của chỉ số.", "They speak of different parts of the indicator."
    ),
    "different_unit": Wording("Nói về hai địa bàn khác nhau.", "They speak of different places."),
    "partial_coverage": Wording(
        "Một bên chỉ là một phần lãnh thổ của bên kia.", "One of them speaks of a part of the other's territory."
    ),
    "scope_ambiguous": Wording(
        "Nguồn không nói rõ số này của đơn vị nào.", "The source does not say of which unit the figure is."
    ),
    "different_shape": Wording(
        "Một bên là hiện trạng, số trong kỳ hay lũy kế, bên kia là loại khác (hoặc mục tiêu).",
        "One is a state, a flow, a running total or a target, the other something else.",
    ),
    "different_since": Wording(
        "Hai khoảng thời gian tính từ ngày khác nhau, hoặc không nêu ngày.",
        "They count since different days, or since a day that was not said.",
    ),
    "rank_scope": Wording("Thứ hạng trong hai bảng xếp hạng khác nhau.", "They are ranks in different rankings."),
    "mixed_unit": Wording(
        "Nguồn đếm lẫn nhiều đơn vị: không tính tỷ lệ, không so sánh.",
        "The source counts several units together: no rate, no comparison.",
    ),
    "magnitude_missing": Wording("Nguồn bỏ sót nghìn hay triệu.", "The source left out thousand or million."),
    "only_an_order_of_magnitude": Wording("Chỉ là cỡ, không phải số.", "It is an order of magnitude, not a number."),
    "compound_target": Wording("Là một nửa của mục tiêu kép.", "It is one half of a compound target."),
    "qualified": Wording(
        "Có số kèm “gần”, “trên”, “khoảng”: không cộng được.",
        'Some are qualified ("just under", "more than", "about"): they cannot be added.',
    ),
    "not_additive": Wording("Tỷ lệ, thứ hạng, mục tiêu không cộng được.", "Rates, ranks and targets do not add up."),
    "different_day": Wording("Là của những ngày khác nhau.", "They are of different days."),
    "overlapping": Wording(
        "Có thể đếm trùng: cùng một nơi, hoặc cùng một người.", "They may count the same twice: places, or people."
    ),
    "not_a_state": Wording(
        "Không phải hiện trạng hay lũy kế: không nói đã đạt đến đâu.",
        "It is neither a state nor a running total: it does not say how far one has come.",
    ),
}
"""Each code with its sentences."""
