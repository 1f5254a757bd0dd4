"""From visits' log into a database of metrics, as relay and consumer do it together, without a Kafka between them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from libs.common.db import Engine, transaction
from libs.common.events import message_of, position_message
from libs.common.inbox import Move, Unprocessable, bury, move, resume
from libs.common.kafka import Incoming, Message, partition_of
from libs.common.log import BEGINNING, Announced, Position, read
from libs.contracts.topics import RECORDS
from services.metrics.consumer import handle

__all__ = ["Delivery"]

SOURCE = "test cluster"


@dataclass
class Delivery:
    """Sends the log on page by page; what is `lost` never arrives, what is `poisoned` is buried instead of folded."""

    visits: Engine
    metrics: Engine
    position: Position = BEGINNING
    lost: Collection[UUID] = ()
    poisoned: Collection[UUID] = ()
    offsets: dict[int, int] = field(default_factory=dict)

    async def begin(self) -> None:
        """Take up where the database says, as a consumer that starts."""
        ends = {(RECORDS.name, partition): 2**40 for partition in range(RECORDS.partitions)}
        async with transaction(self.metrics) as connection:
            found = await resume(connection, SOURCE, ends)
        self.offsets = {partition: offset for (_, partition), offset in found.items()}

    def announce(self) -> None:
        """Begin again at the log's beginning."""
        self.position = BEGINNING

    async def all(self, rows: int = 1000) -> None:
        """Deliver until the log's end."""
        while await self.page(rows):
            pass

    async def page(self, rows: int) -> int:
        """Deliver one page, and the position behind it; gives the number of rows."""
        if not self.offsets:
            await self.begin()
        async with transaction(self.visits, readonly=True) as connection:
            page = await read(connection, self.position, rows)
        if not page.rows:
            return 0
        queues: defaultdict[int, list[Incoming]] = defaultdict(list)
        for state in page.announced:
            if state.record_id not in self.lost:
                partition = partition_of(state.partition_key.bytes, RECORDS.partitions)
                queues[partition].append(self._take(partition, message_of(self._spoilt(state), "visits")))
        mark = position_message("visits", page.reached, caught_up=False)
        before = dict(self.offsets)
        for partition in range(RECORDS.partitions):
            self._take(partition, mark)
        states = [message for queue in queues.values() for message in queue]
        moves = {
            (RECORDS.name, partition): Move(before[partition] - len(queues[partition]), offset, page.reached)
            for partition, offset in self.offsets.items()
        }
        async with transaction(self.metrics) as connection:
            await move(connection, moves)
            handled = await handle(connection, states)
            await bury(connection, SOURCE, [Unprocessable(m.message, m.reason) for m in handled.dead])
        self.position = page.reached
        return page.rows

    def _spoilt(self, state: Announced) -> Announced:
        return state._replace(body=b'{"not": "a record"}') if state.record_id in self.poisoned else state

    def _take(self, partition: int, message: Message) -> Incoming:
        offset = self.offsets[partition]
        self.offsets[partition] = offset + 1
        headers = {name: value.decode() for name, value in message.headers}
        return Incoming(RECORDS.name, partition, offset, message.key, message.value, headers, message.timestamp_ms)
