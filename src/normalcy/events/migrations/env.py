"""Run by Alembic, on the connection that normalcy.events.store hands over."""

from alembic import context

from normalcy.events.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
