"""Steps by which an older event store becomes one of this version (Alembic)."""
