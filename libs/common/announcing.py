"""Every record of a log sent again: asked for here, done by whichever relay leads."""

from libs.common.db import Connection
from libs.common.log import TABLE

__all__ = ["announce", "outstanding"]


async def announce(connection: Connection) -> None:
    """Make the relay send every record again from the beginning; the running one notices by itself."""
    await connection.execute("UPDATE log_position SET epoch = 0, xid = '0', seq = 0")


async def outstanding(connection: Connection, owner: str, *, most: int = 1) -> int:
    """Count the rows of the log that the relay has not sent, or not again; `most` bounds the count."""
    left: int = await connection.fetchval(
        f"""SELECT count(*) FROM (SELECT FROM {TABLE} WHERE (epoch, xid, seq) > (
                SELECT epoch, xid, seq FROM log_position WHERE relay = $1
                UNION ALL SELECT 0, '0'::xid8, 0 WHERE NOT EXISTS (SELECT FROM log_position WHERE relay = $1)
            ) LIMIT $2) AS behind""",
        owner,
        most,
    )
    return left
