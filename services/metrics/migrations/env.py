"""Alembic's environment: the shared part does everything."""

from libs.common import alembic_env

alembic_env.run()
