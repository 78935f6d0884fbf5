"""Alembic's entry: it runs on the connection that `spaceport.ledger.migrate` holds."""

from alembic import context
from sqlalchemy import Connection

from spaceport.ledger.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
