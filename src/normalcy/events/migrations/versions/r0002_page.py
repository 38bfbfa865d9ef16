"""What the page lists and filters by, in columns of its own: state, reason, strength, zones."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from normalcy.events.strength import strength

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None

INDEXES = {"by_time": ["start_time", "id"]} | {f"by_{c}": [c, "start_time", "id"] for c in ("camera", "state", "reason")}


def upgrade() -> None:
    with op.batch_alter_table("events") as table:
        table.drop_index("events_by_camera")
        table.drop_index("events_by_time")
        table.add_column(sa.Column("state", sa.String(16), nullable=False, server_default="new"))
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("reason", sa.String(64), nullable=False, server_default=""))
        table.add_column(sa.Column("peak", sa.Float()))
        table.add_column(sa.Column("strength", sa.Float()))
    for name, columns in INDEXES.items():
        op.create_index(f"events_{name}", "events", columns)
    op.add_column("health", sa.Column("peak", sa.Float()))
    op.create_table(
        "event_zones",
        sa.Column("zone", sa.String(64), primary_key=True),
        sa.Column("start_time", sa.Float(), primary_key=True),
        sa.Column("event", sa.String(64), sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("zones_of_event", "event_zones", ["event"])
    _fill()


def _fill() -> None:
    """From what the events say of themselves."""
    db = op.get_bind()
    events = sa.table(
        "events",
        *(sa.column(c) for c in ("id", "kind", "record", "verdict", "reviewed_time", "state", "reason", "peak", "strength")),
    )
    zones = sa.table("event_zones", *(sa.column(c) for c in ("zone", "start_time", "event")))
    for row in db.execute(sa.select(events)).mappings().all():
        r: Mapping[str, Any] = json.loads(row["record"]) if isinstance(row["record"], str) else row["record"]
        peak, threshold = r.get("peak"), r.get("threshold")
        said = row["verdict"] or ("reviewed" if row["reviewed_time"] is not None else "new")
        strong = None if peak is None or threshold is None else strength(peak, threshold)
        values = {"state": said, "reason": r.get("readout") or row["kind"], "peak": peak, "strength": strong}
        db.execute(sa.update(events).where(events.c.id == row["id"]).values(values))
        for zone in dict.fromkeys(r.get("zones") or ()):
            db.execute(sa.insert(zones).values(zone=zone, start_time=r["start_time"], event=row["id"]))


def downgrade() -> None:
    op.drop_table("event_zones")
    op.drop_column("health", "peak")
    with op.batch_alter_table("events") as table:
        for name in INDEXES:
            table.drop_index(f"events_{name}")
        for column in ("strength", "peak", "reason", "version", "state"):
            table.drop_column(column)
    op.create_index("events_by_camera", "events", ["camera", "start_time"])
    op.create_index("events_by_time", "events", ["start_time"])
