"""Dead letters of every kind, processed again."""

from collections.abc import Sequence

from libs.common.db import Connection
from libs.common.inbox import Unprocessable
from services.metrics.consumer.network import handle_network
from services.metrics.consumer.records import handle
from services.metrics.domain.keys import NO_KEYS, Lifter
from services.metrics.store.letters import remove_letters, take_letters

__all__ = ["redrive"]


async def redrive(
    connection: Connection, ids: Sequence[int], *, limit: int, lifter: Lifter = NO_KEYS
) -> tuple[int, list[Unprocessable]]:
    """Handle dead letters again, all or those of the ids; gives how many are handled and which still cannot be."""
    letters = await take_letters(connection, ids, limit=limit)
    messages = [letter.message for letter in letters]
    # Each passes over the other's types.
    dead = [*(await handle(connection, messages, lifter)).dead, *(await handle_network(connection, messages)).dead]
    still = {id(each.message) for each in dead}
    done = [letter.letter_id for letter in letters if id(letter.message) not in still]
    await remove_letters(connection, done)
    return len(done), dead
