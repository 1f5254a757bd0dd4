"""Who has reported lately in each province, as the roll-ups know it."""

from uuid import UUID

from libs.common.db import Connection
from services.metrics.domain.rollups import ANYTHING, PROVINCE
from services.metrics.store.ids import quick_of
from services.metrics.store.rollups import reporters_in

__all__ = ["reporters_lately"]


async def reporters_lately(connection: Connection) -> dict[UUID, set[UUID]]:
    """Give those who reported in the newest month that a province has anything of, or in the one before it.

    A province is as the path of the units has it in which was recorded: it may be one of then.
    """
    rows = await connection.fetch(
        """WITH newest AS MATERIALIZED (
               SELECT province_id, (
                   SELECT month FROM rollups WHERE level = $1 AND unit_id = province_id ORDER BY month DESC LIMIT 1
               ) AS month
               FROM (SELECT DISTINCT province_id FROM rollup_units) AS there
           )
           SELECT unit_id, reporters FROM newest
               JOIN LATERAL generate_series(newest.month - interval '1 month', newest.month, '1 month') AS told ON true
               JOIN rollups ON level = $1 AND unit_id = province_id AND rollups.month = told::date AND measure = $2""",
        PROVINCE,
        ANYTHING,
    )
    found: dict[UUID, set[UUID]] = {}
    for province, reporters in rows:
        found.setdefault(province, set()).update(
            quick_of(reporter) for reporter, quantity in reporters_in(reporters).items() if quantity > 0
        )
    return found
