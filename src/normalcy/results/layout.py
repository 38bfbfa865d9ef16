"""Names of the files that scoring leaves in a video's folder."""

from __future__ import annotations

SCORES = "scores.csv"
EVENTS = "events.json"
TIMELINE = "timeline.png"
OBJECTS = "objects.csv"
MAPS = "maps.npy"
OVERLAY = "overlay.mp4"
RECORD = "run.json"
"""What the others rest on; written last."""
