"""What this process knows of the registry: the map, measures, platforms, and who reports."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from libs.common.spellings import Spellings
from services.metrics.domain.map import UnitMap
from services.metrics.domain.references import References

__all__ = ["Measure", "Named", "Picture"]


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is counted, with its unit of count."""

    code: str
    revision: int
    version: int
    vi: str
    en: str
    unit_of_count: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A name at a revision."""

    revision: int
    name: str


@dataclass(slots=True)
class Picture:
    """The registry's states; `map_revision` and `revision` are positions in its log, the latter of everything here."""

    units: UnitMap = field(default_factory=UnitMap)
    measures: dict[str, Measure] = field(default_factory=dict)
    platforms: dict[str, int] = field(default_factory=dict)
    reporters: dict[UUID, Named] = field(default_factory=dict)
    references: References = field(default_factory=References)
    measure_spellings: Spellings = field(default_factory=Spellings)
    platform_spellings: Spellings = field(default_factory=Spellings)
    map_revision: tuple[int, int, int] = (0, 0, 0)
    revision: tuple[int, int, int] = (0, 0, 0)

    def still(self) -> "Picture":
        """Give the picture with the map and the revisions as they are now, to answer with while this one changes."""
        return replace(self, units=self.units.still())

    def take_measure(self, measure: Measure) -> None:
        """Take a measure's state unless a newer one is known."""
        known = self.measures.get(measure.code)
        if known is None or known.revision < measure.revision:
            self.measures[measure.code] = measure
            self.measure_spellings.take(measure.code, measure.aliases)

    def take_platform(self, code: str, revision: int, aliases: Iterable[str] = ()) -> None:
        """Take a platform's state unless a newer one is known."""
        if self.platforms.get(code, 0) < revision:
            self.platforms[code] = revision
            self.platform_spellings.take(code, aliases)

    def take_reporter(self, reporter_id: UUID, named: Named) -> None:
        """Take the name of a team or a partner unless a newer one is known."""
        known = self.reporters.get(reporter_id)
        if known is None or known.revision < named.revision:
            self.reporters[reporter_id] = named

    def moved(self, position: tuple[int, int, int], *, map_changed: bool = False) -> None:
        """Note the position of a state that was taken."""
        self.revision = max(self.revision, position)
        if map_changed:
            self.map_revision = max(self.map_revision, position)
