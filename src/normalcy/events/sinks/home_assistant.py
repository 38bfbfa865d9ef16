"""What Home Assistant is told of each camera so that it appears there by itself (MQTT device discovery)."""

from __future__ import annotations

import re
from typing import Any

from normalcy.versions import version

STATUS = "status"
PROBLEMS = ("lost", "frozen", "dark", "covered", "blurred", "moved")
"""Kinds of health events that last, each a binary sensor."""


def device_id(prefix: str, camera: str) -> str:
    """Of the letters that Home Assistant allows in one."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", f"{prefix}_{camera}")


def device_topic(discovery: str, prefix: str, camera: str) -> str:
    """Where the device's description is retained."""
    return f"{discovery}/device/{device_id(prefix, camera)}/config"


def device_config(prefix: str, camera: str) -> dict[str, Any]:
    """The device of one camera, all its entities with it."""
    base, uid = f"{prefix}/{camera}", device_id(prefix, camera)

    def part(platform: str, key: str, name: str, **more: Any) -> dict[str, Any]:
        return {"p": platform, "unique_id": f"{uid}_{key}", "object_id": f"{uid}_{key}", "name": name, **more}

    parts = {
        "anomaly": part("binary_sensor", "anomaly", "Anomaly", state_topic=f"{base}/anomaly", device_class="motion"),
        "score": part("sensor", "score", "Score", state_topic=f"{base}/score", state_class="measurement"),
        "state": part("sensor", "state", "State", state_topic=f"{base}/state", entity_category="diagnostic"),
        "enabled": part(
            "switch",
            "enabled",
            "Alarms",
            state_topic=f"{base}/enabled/state",
            command_topic=f"{base}/enabled/set",
        ),
        "snapshot": part("image", "snapshot", "Last event", image_topic=f"{base}/snapshot", content_type="image/jpeg"),
    }
    for kind in PROBLEMS:
        parts[kind] = part(
            "binary_sensor",
            kind,
            kind.capitalize(),
            state_topic=f"{base}/problems",
            value_template="{{ 'ON' if '" + kind + "' in value_json else 'OFF' }}",
            device_class="problem",
            entity_category="diagnostic",
        )
    return {
        "dev": {"ids": [uid], "name": camera, "mf": "Normalcy", "mdl": "camera", "sw": version()},
        "o": {"name": "normalcy", "sw": version()},
        "cmps": parts,
        "availability": [{"topic": f"{prefix}/available"}],
    }
