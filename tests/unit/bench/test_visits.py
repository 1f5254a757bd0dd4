"""The visits that are sent are those of a real application, each with an id of its own."""

import json

from libs.contracts.visits_bodies import VisitBatch
from tests.bench.visits import FACTS_A_VISIT, batches


def test_every_batch_is_one_that_the_contract_allows() -> None:
    for batch in batches(seed=1, size=50, count=4):
        body = VisitBatch.model_validate_json(batch.body())
        assert body.sent_at is not None
        assert [str(row.id) for row in body.rows] == list(batch.ids)
        assert len({row.team for row in body.rows}) == 1
        for row in body.rows:
            people = [line.person for line in row.lines if line.person is not None]
            assert len(row.lines) == len(people) == FACTS_A_VISIT
            assert [bool(person.national_id) for person in people] == [True, True, False]
            assert people[2].phone is not None


def test_a_seed_gives_the_same_visits_and_another_seed_others() -> None:
    first, again, other = (list(batches(seed, size=5, count=3)) for seed in (1, 1, 2))
    assert first == again
    ids = [record_id for batch in first + other for record_id in batch.ids]
    assert len(set(ids)) == len(ids)
    assert len({json.loads(batch.body())["batch_id"] for batch in first + other}) == 6
