"""The rehearsal of a reform is put together of the registry's part and the numbers of metrics."""

import json
from typing import Any

from libs.contracts.operations.bodies import examples_of
from libs.contracts.reforms_api import ReformImpact
from libs.contracts.rehearsal_api import MAX_REHEARSED_UNITS, RehearsalQuery
from tests.unit.gateway.door import Door, open_door

PATH = "/v1/reforms/0197c6a0-5a40-7c31-9a52-6f1d2c3b4a59"
REHEARSE = "/v1/metrics:rehearse"
WHOLE: dict[str, Any] = examples_of("read_reform_impact")["responses"]["numbers"]["value"]
PART = {name: value for name, value in WHOLE.items() if not name.startswith("numbers")}
PLAN: dict[str, Any] = examples_of("read_reform_plan")["responses"]["plan"]["value"]


def tell(door: Door, part: dict[str, Any] | None = None, metrics: tuple[int, Any] = (200, WHOLE["numbers"])) -> None:
    door.answers = {
        f"{PATH}/impact": (200, json.dumps(part or PART).encode()),
        f"{PATH}/plan": (200, json.dumps(PLAN).encode()),
        REHEARSE: (metrics[0], json.dumps(metrics[1]).encode()),
    }


async def ask(door: Door, query: str = "") -> tuple[int, Any]:
    async with door.session.get(f"{PATH}/impact{query}", headers=door.authorized("reforms:write")) as response:
        return response.status, json.loads(await response.read())


async def test_the_plan_goes_to_metrics_with_the_callers_token_and_the_numbers_come_beside_the_rest() -> None:
    async with open_door() as door:
        tell(door)
        status, told = await ask(door, "?from=2025-05-01&to=2025-05-31&measures=FLD-01,FLD-04")
        assert status == 200
        assert told == WHOLE
        ReformImpact.model_validate_json(json.dumps(told))
        assert [(noted.upstream, noted.method, noted.path) for noted in door.noted] == [
            ("registry", "GET", f"{PATH}/impact"),
            ("registry", "GET", f"{PATH}/plan"),
            ("metrics", "POST", REHEARSE),
        ]
        assert len({noted.headers["authorization"] for noted in door.noted}) == 1
        asked = RehearsalQuery.model_validate_json(door.noted[-1].body)
        assert [unit.model_dump(mode="json") for unit in asked.units] == PLAN["units"]
        assert (str(asked.on), str(asked.from_), str(asked.to)) == ("2026-12-01", "2025-05-01", "2025-05-31")
        assert asked.measures == ["FLD-01", "FLD-04"]


async def test_where_metrics_is_away_the_rest_holds_and_the_reason_is_told() -> None:
    async with open_door() as door:
        tell(door, metrics=(503, {"nothing": "of use"}))
        status, told = await ask(door)
        assert (status, told["numbers"], told["registry"]) == (200, None, PART["registry"])
        assert told["numbers_missing"]["code"] == "numbers_unavailable"
        tell(door, metrics=(403, {"code": "scope_missing", "vi": "Thiếu quyền.", "en": "Lacks the scope."}))
        assert (await ask(door))[1]["numbers_missing"]["code"] == "scope_missing"


async def test_a_decree_of_the_whole_country_is_rehearsed_without_numbers_and_says_how_large_it_is() -> None:
    async with open_door() as door:
        tell(door, {**PART, "registry": {**PART["registry"], "plan_units": MAX_REHEARSED_UNITS + 1}})
        missing = (await ask(door))[1]["numbers_missing"]
        assert missing["code"] == "rehearsal_too_large"
        assert str(MAX_REHEARSED_UNITS + 1) in missing["vi"]
        assert str(MAX_REHEARSED_UNITS) in missing["en"]
        assert [noted.path for noted in door.noted] == [f"{PATH}/impact"]


async def test_what_was_enacted_has_nothing_left_to_rehearse() -> None:
    async with open_door() as door:
        tell(door, {**PART, "status": "enacted"})
        assert (await ask(door))[1]["numbers_missing"]["code"] == "rehearsal_not_needed"


async def test_a_refusal_of_the_registrys_is_passed_on() -> None:
    async with open_door() as door:
        door.answers = {f"{PATH}/impact": (422, b'{"code":"reform_invalid"}')}
        assert await ask(door) == (422, {"code": "reform_invalid"})


async def test_its_scope_and_its_days_are_checked_before_anyone_is_asked() -> None:
    async with open_door() as door:
        for query, code in [
            ("?from=2025-06-01&to=2025-05-01", "range_reversed"),
            ("?from=yesterday", "bad_parameter"),
            ("?on=2025-05-01", "bad_parameter"),
        ]:
            status, told = await ask(door, query)
            assert (status, told["code"]) == (422, code)
        async with door.session.get(f"{PATH}/impact", headers=door.authorized("registry:read")) as response:
            assert response.status == 403
        async with door.session.get(f"{PATH}/impact") as response:
            assert response.status == 401
        assert door.noted == []
