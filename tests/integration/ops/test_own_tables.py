"""What metrics alone knows is on a list: whoever adds a table says which it is."""

from deploy.ops.recovery.anew import OWN, make_anew
from deploy.ops.recovery.content import tables
from libs.common.db import connect
from tests.support.postgres import MakeDatabase

TOLD_AGAIN = {
    # By the logs of visits and the registry, or made of what they tell.
    *("alembic_version", "inbox", "dead_letters", "heads", "persons", "households", "facts", "cells", "progress"),
    *("folds", "fold_changes", "data_revision", "rollups", "rollup_units", "rollup_state", "ids", "codes", "key_level"),
    *("network_teams", "network_members", "network_memberships", "network_posts", "network_appointments"),
    *("network_trainings", "denominators", "network_revision"),
}


async def test_every_table_of_metrics_is_told_again_by_a_log_or_kept(make_database: MakeDatabase) -> None:
    connection = await connect(await make_database("metrics"), application_name="test")
    found = set(await tables(connection))
    await connection.close()
    assert found == TOLD_AGAIN | set(OWN), (
        "a table that no log tells again belongs into OWN of deploy/ops/recovery/anew.py, any other into TOLD_AGAIN"
    )


async def test_made_anew_metrics_keeps_what_is_its_own_and_gives_no_revision_twice(make_database: MakeDatabase) -> None:
    url = await make_database("metrics")
    connection = await connect(url, application_name="test")
    await connection.execute(
        """INSERT INTO statement_words (kind, code, vi, en) VALUES ('units', 'x', 'vi', 'en');
           UPDATE statements_revision SET n = 9;
           INSERT INTO heads VALUES (gen_random_uuid(), 1, 0);
           UPDATE data_revision SET epoch = epoch + 50, n = 7"""
    )
    before = await connection.fetchval("SELECT epoch FROM data_revision")
    for _ in range(2):  # Done twice within a minute it is another epoch each time.
        assert await make_anew(url)
        assert await connection.fetchval("SELECT count(*) FROM heads") == 0
        assert await connection.fetchval("SELECT n FROM statements_revision") == 9
        assert await connection.fetchval("SELECT en FROM statement_words WHERE code = 'x'") == "en"
        after = await connection.fetchval("SELECT epoch FROM data_revision")
        assert after > before
        before = after
    await connection.close()
