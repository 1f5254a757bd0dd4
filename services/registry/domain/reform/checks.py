"""What can be wrong with a decree before anything is made of it: the orders themselves, one against the other."""

import re
from collections import defaultdict
from uuid import UUID

from services.registry.domain.reform.operations import TYPES, NewUnit
from services.registry.domain.reform.reading import Draft, Take
from services.registry.domain.units import CODE_DIGITS, LEVELS, Level

__all__ = ["check_orders", "levels_down"]


def check_orders(draft: Draft) -> None:
    """Note every fault of the orders."""
    for new, pointer in draft.makes.values():
        _check_new(draft, new, pointer)
    for unit_id, changes in draft.alters.items():
        _check_altered(draft, unit_id, {what: (str(value), at) for what, (value, at) in changes.items()})
    for take in draft.takes:
        _check_take(draft, take)
    _check_sources(draft)
    _check_touched(draft)


def _check_new(draft: Draft, new: NewUnit, pointer: str) -> None:
    if new.type not in TYPES[new.level]:
        draft.wrong("unknown_unit_type", f"{pointer}/type", kind=new.type, expected=" | ".join(TYPES[new.level]))
    _check_code(draft, new.level, new.code, f"{pointer}/code")
    if (new.parent is None) != (new.level == "province"):
        draft.wrong("parent_of_wrong_level", f"{pointer}/parent", unit=new.name)


def _check_code(draft: Draft, level: Level, code: str | None, pointer: str) -> None:
    digits = CODE_DIGITS.get(level, 0)
    if digits != 0 and (code is None or not re.fullmatch(rf"[0-9]{{{digits}}}", code)):
        draft.wrong("bad_unit_code", pointer, digits=digits)
    if digits == 0 and code is not None:
        draft.wrong("unit_code_not_allowed", pointer)


def _check_altered(draft: Draft, unit_id: UUID, changes: dict[str, tuple[str, str]]) -> None:
    unit = draft.atlas.units[unit_id]
    if "type" in changes:
        kind, pointer = changes["type"]
        if kind not in TYPES[unit.level]:
            draft.wrong("unknown_unit_type", pointer, kind=kind, expected=" | ".join(TYPES[unit.level]))
        elif kind == unit.type:
            draft.wrong("reform_changes_nothing", pointer, unit=unit.name)
    if "code" in changes:
        code, pointer = changes["code"]
        _check_code(draft, unit.level, code, pointer)


def _check_take(draft: Draft, take: Take) -> None:
    source = draft.atlas.units[take.source]
    if take.target == take.source:
        draft.wrong("source_is_target", take.pointer, unit=source.name)
        return
    if isinstance(take.target, UUID):
        target = draft.atlas.units[take.target]
        if take.source in target.path:
            draft.wrong("target_descends_from_source", take.pointer, unit=source.name)
            return
        level = target.level
    else:
        level = draft.makes[take.target][0].level
    if level != source.level:
        draft.wrong("level_differs", take.pointer, unit=source.name, level=source.level, expected=level)


def _check_sources(draft: Draft) -> None:
    """Of each unit that is taken, all must go somewhere, once."""
    by_source: defaultdict[UUID, list[Take]] = defaultdict(list)
    for take in draft.takes:
        by_source[take.source].append(take)
    for unit_id, takes in by_source.items():
        unit = draft.atlas.units[unit_id]
        repeated = len({take.target for take in takes}) < len(takes)
        if repeated or (len(takes) > 1 and any(take.share == "whole" for take in takes)):
            draft.wrong("reform_touched_twice", takes[-1].pointer, unit=unit.name)
        elif len(takes) == 1 and takes[0].share == "part":
            draft.wrong("reform_rest_missing", takes[0].pointer, unit=unit.name)


def _check_touched(draft: Draft) -> None:
    """A unit that ends cannot go on: it is neither altered, nor assigned, nor does it take territory."""
    pointers = {take.source: take.pointer for take in draft.takes}
    circles = _circles(draft)
    goes_on = {take.target: take.pointer for take in draft.takes if isinstance(take.target, UUID)}
    goes_on |= {unit_id: next(iter(changes.values()))[1] for unit_id, changes in draft.alters.items()}
    goes_on |= {unit_id: pointer for unit_id, (_, _, pointer) in draft.assigned.items()}
    for unit_id, pointer in goes_on.items():
        unit = draft.atlas.units[unit_id]
        if unit_id in circles:
            draft.wrong("reform_cycle", pointer, unit=unit.name)
        elif unit_id in pointers and not _is_told_already(draft, unit_id):
            draft.wrong("reform_touched_twice", pointer, unit=unit.name)
        for abolished in draft.abolished:
            if unit_id in abolished.units:
                draft.wrong("level_not_empty", pointer, unit=unit.name, level=unit.level)
    for unit_id, (_, _, pointer) in draft.assigned.items():
        if "parent" in draft.alters.get(unit_id, {}):
            draft.wrong("reform_touched_twice", pointer, unit=draft.atlas.units[unit_id].name)


def _is_told_already(draft: Draft, unit_id: UUID) -> bool:
    return any(take.source == take.target == unit_id for take in draft.takes)


def _circles(draft: Draft) -> set[UUID]:
    """Give the units whose territory would come back to themselves."""
    onward: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for take in draft.takes:
        if isinstance(take.target, UUID) and take.target != take.source:
            onward[take.source].add(take.target)
    return {unit_id for unit_id in onward if unit_id in _reached(onward, unit_id)}


def _reached(onward: dict[UUID, set[UUID]], start: UUID) -> set[UUID]:
    reached: set[UUID] = set()
    waiting = list(onward[start])
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting += onward.get(each, ())
    return reached


def levels_down(parent: Level, child: Level) -> bool:
    """Say whether a unit of one level may be the parent of one of another."""
    return LEVELS.index(parent) < LEVELS.index(child) and (child != "subcommune" or parent == "commune")
