"""What a member's history may say, and who may know who a member is."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from libs.common.telephone import e164
from services.registry.domain.contacts import Contact, contact_faults, tells_identity
from services.registry.domain.members import (
    Appointment,
    Birth,
    Member,
    Membership,
    homes,
    left_all_on,
    membership_faults,
    united,
    with_membership,
    without_team,
)
from services.registry.domain.teams import Team

TODAY = date(2026, 11, 22)
TEAM, OTHER, UNIT, ELSEWHERE = uuid4(), uuid4(), uuid4(), uuid4()


def member(*memberships: Membership) -> Member:
    return Member(UUID(int=1), memberships)


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_a_time_told_again_more_exactly_is_the_same_time() -> None:
    known = member(Membership(TEAM, "member"))
    exact = with_membership(known, Membership(TEAM, "leader", day("2025-01-01")))
    assert exact.memberships == (Membership(TEAM, "leader", day("2025-01-01")),)
    assert with_membership(exact, Membership(TEAM, "leader")) == exact


def test_a_time_after_another_is_a_time_of_its_own() -> None:
    known = member(Membership(TEAM, "member", day("2024-01-01"), day("2025-01-01")))
    again = with_membership(known, Membership(TEAM, "leader", day("2025-06-01")))
    assert len(again.memberships) == 2


def test_who_had_not_begun_when_a_team_ends_never_was_in_it() -> None:
    told = member(Membership(TEAM, "member", day("2025-01-01")), Membership(OTHER, "member", day("2025-01-01")))
    assert without_team(told, TEAM, day("2025-01-01")).memberships == told.memberships[1:]
    assert without_team(told, TEAM, day("2025-01-02")).memberships[0].left_on == day("2025-01-02")


def test_one_has_left_all_when_the_last_has_ended() -> None:
    ended = Membership(TEAM, "member", None, day("2025-01-01"))
    assert left_all_on(member(ended)) == day("2025-01-01")
    assert left_all_on(member(ended, Membership(OTHER, "member"))) is None
    duty = Appointment("digital_ambassador", UNIT, None, day("2026-01-01"))
    assert left_all_on(Member(UUID(int=1), (ended,), appointments=(duty,))) == day("2026-01-01")
    assert left_all_on(member()) is None


def test_a_unit_may_know_who_its_own_are_and_the_last_who_were() -> None:
    units = {TEAM: UNIT, OTHER: ELSEWHERE}
    left = Membership(TEAM, "member", None, day("2025-01-01"))
    assert homes(member(left), units, TODAY) == {UNIT}
    assert homes(member(left, Membership(OTHER, "member")), units, TODAY) == {ELSEWHERE}


def test_what_another_row_adds_is_added_once() -> None:
    one = Member(UUID(int=1), (Membership(TEAM, "member"),), ("teacher",))
    two = Member(UUID(int=2), (Membership(OTHER, "leader"),), ("teacher", "youth_union"))
    both = united(one, two)
    assert (both.record_id, both.affiliations, len(both.memberships)) == (one.record_id, ("teacher", "youth_union"), 2)
    assert united(both, two) == both


def test_of_a_team_that_has_ended_only_former_members_are_told() -> None:
    team = Team(TEAM, "T", "Tổ", "community_digital_team", "commune", None, UNIT, day("2022-01-01"), day("2025-01-01"))
    for left, codes in ((None, ["team_has_ended"]), (day("2025-01-02"), ["team_has_ended"]), (day("2025-01-01"), [])):
        told = Membership(TEAM, "member", day("2022-01-01"), left)
        assert [fault.code for fault in membership_faults(member(told), told, {TEAM: team}, TODAY)] == codes


@pytest.mark.parametrize(
    ("birth", "under_14", "over_120"),
    [
        (Birth(2012), False, False),
        (Birth(2013), True, False),
        (Birth(2012, date(2012, 11, 22)), False, False),
        (Birth(2012, date(2012, 11, 23)), True, False),
        (Birth(1905), False, True),
        (Birth(1906), False, False),
        (Birth(1905, date(1905, 11, 23)), False, False),
    ],
)
def test_an_age_is_judged_by_what_is_known_of_the_birth(birth: Birth, under_14: bool, over_120: bool) -> None:
    assert birth.surely_under(14, TODAY) == under_14
    assert (not birth.surely_under(121, TODAY)) == over_120


@pytest.mark.parametrize("text", ["0912345678", "0912 345 678", "+84912345678", "84912345678", "0084 912.345.678"])
def test_one_number_is_written_in_many_ways(text: str) -> None:
    assert e164(text) == "+84912345678"


@pytest.mark.parametrize("text", ["Gọi chị Ba 0912 345 678", "CCCD 087190012345", "0912-345-678"])
def test_a_number_of_a_person_is_seen_in_a_text(text: str) -> None:
    assert tells_identity(text)


@pytest.mark.parametrize("text", ["Tổ 3, khóm 5", "Quyết định 692/QĐ-UBND-HC", "Nhà văn hóa ấp 1, 07:30-11:30", None])
def test_other_numbers_are_not_taken_for_a_persons(text: str | None) -> None:
    assert not tells_identity(text)


@pytest.mark.parametrize(
    ("contact", "codes"),
    [
        (Contact("phone", "1022"), []),
        (Contact("phone", "1900 561567"), []),
        (Contact("phone", "0277 3861 234"), []),
        (Contact("phone", "0912345678"), ["mobile_not_confirmed"]),
        (Contact("zalo", "https://zalo.me/123"), []),
        (Contact("zalo", "0912345678"), ["mobile_not_confirmed"]),
        (Contact("email", "to@dongthap.example"), []),
        (Contact("email", "to@"), ["bad_contact"]),
        (Contact("web", "javascript:alert(1)"), ["bad_contact"]),
        (Contact("address", "Nhà ông 0912345678"), ["bad_contact"]),
        (Contact("phone", "1022", "chị Ba 0912345678"), ["identity_in_text"]),
    ],
)
def test_a_contact_has_its_form_and_is_no_persons(contact: Contact, codes: list[str]) -> None:
    assert [fault.code for fault in contact_faults([contact], confirmed=False)] == codes
