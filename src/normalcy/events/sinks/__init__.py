"""Where events go. Each is a Sink (normalcy.events.outbox)."""
