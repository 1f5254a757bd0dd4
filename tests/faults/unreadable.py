"""The poison part: twenty unreadable messages in a row stop the consumer; a topic that is lost is sent again."""

import random
import uuid

from aiokafka.admin import AIOKafkaAdminClient

from libs.common.kafka import partition_of
from libs.contracts.topics import RECORDS
from tests.faults.part import Outcome, Run
from tests.faults.poison import send_poison
from tests.faults.randomly import Scene, open_scene, settle, verify, write
from tests.faults.waiting import until

__all__ = ["run"]

ROWS = 4_000
IN_A_ROW = 20


async def run(run: Run) -> Outcome:
    """Stop the consumer with unreadable messages, then lose the topic with them."""
    chance = random.Random(run.seed)  # noqa: S311
    async with open_scene(run) as scene:
        await write(scene, chance, lambda: scene.ledger.tally["stored"] >= ROWS, ROWS)
        await settle(scene)
        before = await verify(scene)
        wrong = [*before.wrong, *await _stop_consumer(scene)]
        run.say("deleting the topic: everything is to be sent again")
        await _delete_topic(scene)
        # A relay with nothing to send does not notice; the next row makes it.
        more = scene.ledger.tally["stored"] + ROWS // 8
        await write(scene, chance, lambda: scene.ledger.tally["stored"] >= more, ROWS)
        after = await verify(scene)
        return Outcome({"rows": scene.ledger.tally["stored"], **after.figures}, [*wrong, *after.wrong])


async def _stop_consumer(scene: Scene) -> list[str]:
    """Send twenty in a row; gives what the consumer did wrong."""
    consumer, cluster = scene.cluster.processes["metrics consumer"], scene.cluster
    at = f"""SELECT (SELECT count(*) FROM dead_letters),
        (SELECT sum(next) FROM inbox WHERE topic = '{RECORDS.name}')"""
    before = tuple((await cluster.ask("metrics", at))[0])
    partition = partition_of(uuid.uuid4().bytes, RECORDS.partitions)
    for number in range(IN_A_ROW):
        await send_poison(cluster, f"row/{number}", str(uuid.uuid4()), b"{", partition)

    async def has_stopped() -> bool:
        return bool(consumer.died_by_itself)

    await until(has_stopped, "the consumer stops itself", 60)
    after = tuple((await cluster.ask("metrics", at))[0])
    told = consumer.died_by_itself[0]
    wrong = [] if f"{IN_A_ROW} dead letters in a row" in told else [f"the consumer's last words: {told}"]
    if not before[0] <= after[0] < before[0] + IN_A_ROW or after[1] - before[1] >= IN_A_ROW:
        wrong.append(f"dead letters and offsets went from {before} to {after} though the consumer stopped")
    return wrong


async def _delete_topic(scene: Scene) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=scene.cluster.kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([RECORDS.name])
    finally:
        await admin.close()
