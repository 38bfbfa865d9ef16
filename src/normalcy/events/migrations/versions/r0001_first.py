"""Cameras, events, health."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cameras",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.Float(), nullable=False),
        sa.Column("last_seen", sa.Float(), nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("camera", sa.String(200), sa.ForeignKey("cameras.name"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("start_time", sa.Float(), nullable=False),
        sa.Column("end_time", sa.Float()),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("marked", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(16)),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reviewed_time", sa.Float()),
    )
    op.create_index("events_by_camera", "events", ["camera", "start_time"])
    op.create_index("events_by_time", "events", ["start_time"])
    op.create_table(
        "health",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("camera", sa.String(200), sa.ForeignKey("cameras.name"), nullable=False),
        sa.Column("time", sa.Float(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("fps", sa.Float(), nullable=False),
        sa.Column("score", sa.Float()),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("reconnects", sa.Integer(), nullable=False),
    )
    op.create_index("health_by_camera", "health", ["camera", "time"])


def downgrade() -> None:
    for table in ("health", "events", "cameras"):
        op.drop_table(table)
