"""What a fold changed, packed into one row."""

from collections.abc import Mapping

import msgspec

from services.metrics.domain.cells import CellKey, Delta
from services.metrics.domain.rollups import CellChange

__all__ = ["pack", "unpack"]

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[CellChange])


def pack(deltas: Mapping[CellKey, Delta]) -> bytes:
    """Pack what is left of the deltas once those who are held have been taken out of the gone."""
    return _encoder.encode(
        [
            (
                key.unit_id.bytes,
                key.measure,
                key.platform,
                key.day.toordinal(),
                key.reporter_id.bytes,
                delta.reporter_kind,
                delta.quantity,
                delta.unknown,
                delta.persons,
                delta.households,
                delta.gone_persons,
                delta.gone_households,
            )
            for key, delta in deltas.items()
        ]
    )


def unpack(packed: bytes) -> list[CellChange]:
    """Give the changes of a fold."""
    return _decoder.decode(packed)
