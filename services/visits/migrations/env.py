"""Alembic's environment of this service."""

from libs.common import alembic_env

alembic_env.run()
