"""The table of the public API's operations: it drives the gateway's routing and the OpenAPI document."""

from libs.contracts.operations import (
    clients,
    gateway,
    imports,
    members,
    metrics,
    network,
    placed,
    records,
    reference,
    reforms,
    registry,
    statements,
    teams,
    units,
)
from libs.contracts.operations.access import SCOPE_WORDS
from libs.contracts.operations.model import Operation, Parameter, Words

__all__ = ["OPERATIONS", "SCOPE_WORDS", "Operation", "Parameter", "Words"]

OPERATIONS: tuple[Operation, ...] = (
    *records.OPERATIONS,
    *metrics.OPERATIONS,
    *statements.OPERATIONS,
    *network.OPERATIONS,
    *registry.OPERATIONS,
    *units.OPERATIONS,
    *reforms.OPERATIONS,
    *teams.OPERATIONS,
    *members.OPERATIONS,
    *placed.OPERATIONS,
    *clients.OPERATIONS,
    *imports.OPERATIONS,
    *reference.OPERATIONS,
    *gateway.OPERATIONS,
)
"""In the order of reading."""
