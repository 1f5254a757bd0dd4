"""Kafka in: records and progress are folded, teams and members kept; registry states become the process's picture."""

from services.metrics.consumer.folds import Folds
from services.metrics.consumer.letters import redrive
from services.metrics.consumer.network import handle_network
from services.metrics.consumer.picture import picture_handlers
from services.metrics.consumer.records import handle
from services.metrics.consumer.today import TodayReader

__all__ = ["Folds", "TodayReader", "handle", "handle_network", "picture_handlers", "redrive"]
