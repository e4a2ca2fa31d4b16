"""Alembic's entry: runs the revisions on the connection that db.upgrade opened."""

from alembic import context

from db.models import Base

VERSION_TABLE = context.config.attributes["version_table"]

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    compare_server_default=False,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
