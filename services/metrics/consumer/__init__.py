"""Kafka in: batches of records and progress are decoded and folded; registry states become the process's picture."""

from services.metrics.consumer.picture import picture_handlers
from services.metrics.consumer.records import handle, redrive

__all__ = ["handle", "picture_handlers", "redrive"]
