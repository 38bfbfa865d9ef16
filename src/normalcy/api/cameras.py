"""cameras.yaml: which cameras are watched, how, and where their events go. Checked whole before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from normalcy.errors import ConfigError
from normalcy.events.outbox import Sink
from normalcy.video.address import from_environment, hidden

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[Unit, Unit]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


class Zone(_Strict):
    """A named part of the picture. An event carries the names of the zones that it stands in."""

    name: Name
    points: Polygon = Field(description="Corners (x, y), 0 to 1 over the picture's width and height")


class Mask(_Strict):
    """A part of the picture that is left out."""

    points: Polygon = Field(description="Corners (x, y), 0 to 1 over the picture's width and height")
    kind: Literal["motion", "privacy"] = Field(
        "motion", description="motion: nothing there raises an alarm; privacy: also painted over in clips and snapshots"
    )


class Hours(_Strict):
    """When alarms are wanted, by the clock of this machine."""

    days: tuple[Day, ...] = Field(DAYS, min_length=1, description="mon, tue, wed, thu, fri, sat, sun")
    begin: time = Field(time(0, 0), description="HH:MM")
    end: time = Field(time(23, 59, 59, 999999), description="HH:MM; earlier than begin: on the next day")

    def holds(self, now: datetime) -> bool:
        """Whether now lies in these hours."""
        today, yesterday, t = DAYS[now.weekday()], DAYS[now.weekday() - 1], now.time()
        if self.begin <= self.end:
            return today in self.days and self.begin <= t < self.end
        return (today in self.days and t >= self.begin) or (yesterday in self.days and t < self.end)


class ClipSettings(_Strict):
    """The video that is kept of an event."""

    before_s: float = Field(5.0, ge=0.0, le=60.0, description="Seconds before the event, at least")
    after_s: float = Field(5.0, ge=0.0, le=60.0, description="Seconds after it")
    most_s: float = Field(120.0, gt=0.0, le=3600.0, description="A longer event is cut off there")


class HealthOptions(_Strict):
    """When a camera's picture is no longer trusted."""

    learn_s: float = Field(20.0, gt=0.0, le=3600.0, description="Seconds of video that the background is learned from")
    lasting_s: float = Field(3.0, ge=0.0, le=3600.0, description="A problem begins and ends after lasting so long")
    frozen_s: float = Field(20.0, gt=0.0, le=86400.0, description="The very same picture for so long is a frozen one")
    hold_s: float = Field(2.0, ge=0.0, le=600.0, description="No alarm for so long after a switch of the light")
    small_shift: float = Field(0.03, ge=0.0, le=0.5, description="Share of the width that the camera may move unnoticed")


class CameraSpec(_Strict):
    """One camera."""

    name: Name
    source: str = Field(min_length=1, description="rtsp:// or http:// address with ${NAME} for passwords, webcam, file, folder")
    model: Path | None = Field(None, description="A folder that train wrote; null: that of the command line")
    set: tuple[str, ...] = Field((), description="Settings for scoring, such as scoring.smoothing=ema")
    budget_per_day: float | None = Field(
        None, gt=0.0, le=86400.0, description="False alarms a day that you accept; null: the model's alarm.budget_per_hour"
    )
    zones: tuple[Zone, ...] = ()
    masks: tuple[Mask, ...] = ()
    schedule: tuple[Hours, ...] = Field((), description="When alarms are wanted; none: always")
    cooldown_s: float = Field(
        60.0, ge=0.0, le=86400.0, description="For so long after an alert, the same reason raises no second one"
    )
    clip: ClipSettings | None = Field(ClipSettings(), description="null: no clips")
    health: HealthOptions = HealthOptions()


@dataclass(frozen=True, slots=True)
class Around:
    """What a sink may need of the watch that it serves."""

    name: str
    """Its own name in the file."""
    cameras: Sequence[str]
    """Their names."""
    out: Path
    """The folder that clips and snapshots are relative to."""
    enable: Callable[[str, bool], None]
    """To be called with a camera and whether it is to raise alarms."""


class WebhookSpec(_Strict):
    """Events posted as JSON, signed by the scheme of Standard Webhooks."""

    kind: Literal["webhook"]
    url: str
    secret: str | None = Field(None, description="whsec_ and base64; ${NAME} takes it from the environment")

    def open(self, around: Around) -> Sink:
        """Raises ConfigError for an address or a secret that cannot be one."""
        from normalcy.events.sinks.webhook import Webhook

        return Webhook(secret(self.url) or "", secret(self.secret), around.name)


class MqttSpec(_Strict):
    """Events and states by MQTT, with Home Assistant's discovery."""

    kind: Literal["mqtt"]
    host: str
    port: int = Field(1883, ge=1, le=65535)
    user: str | None = None
    password: str | None = Field(None, description="${NAME} takes it from the environment")
    tls: bool = False
    ca: Path | None = Field(None, description="Certificate of the authority; null: those of the system")
    client_id: str = "normalcy"
    prefix: str = Field("normalcy", pattern=r"^[^+#/]+(/[^+#/]+)*$")
    qos: int = Field(1, ge=0, le=2)
    discovery: str | None = Field("homeassistant", description="null: no discovery")

    def open(self, around: Around) -> Sink:
        """Raises UsageError where paho-mqtt is not installed, ConfigError for a certificate that cannot be read."""
        from normalcy.events.sinks.mqtt import Broker, Mqtt

        settings = self.model_dump(exclude={"kind"}) | {"user": secret(self.user), "password": secret(self.password)}
        return Mqtt(Broker(**settings), around.cameras, around.out, around.enable, around.name)


class NotifySpec(_Strict):
    """Messages through apprise."""

    kind: Literal["notify"]
    urls: tuple[str, ...] = Field(min_length=1, description="Addresses as apprise has them; ${NAME} from the environment")

    def open(self, around: Around) -> Sink:
        """Raises UsageError where apprise is not installed, ConfigError for an address that it does not know."""
        from normalcy.events.sinks.notify import Notify

        return Notify([secret(u) or "" for u in self.urls], around.out, around.name)


SinkSpec = Annotated[WebhookSpec | MqttSpec | NotifySpec, Field(discriminator="kind")]


class MetricsSpec(_Strict):
    """Prometheus metrics and the health check."""

    host: str = Field("127.0.0.1", description="0.0.0.0 lets other machines read it")
    port: int = Field(9105, ge=0, le=65535, description="0: a free one")


class StoreSpec(_Strict):
    """The event store."""

    url: str | None = Field(None, description="Of a database, such as postgresql+psycopg://...; null: SQLite in the out folder")
    keep_days: float | None = Field(10.0, gt=0.0, description="Older events go, but for marked ones; null: never")
    keep_gb: float | None = Field(20.0, gt=0.0, description="Clips and snapshots in all; the oldest go first; null: no limit")


class WatchConfig(_Strict):
    """The whole file."""

    cameras: tuple[CameraSpec, ...] = ()
    sinks: dict[Name, SinkSpec] = {}
    metrics: MetricsSpec | None = None
    store: StoreSpec = StoreSpec()

    @model_validator(mode="after")
    def _names(self) -> WatchConfig:
        names = [c.name for c in self.cameras]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"two cameras are called {twice[0]}")
        return self


def load_cameras(path: str | Path | None, sources: Sequence[str] = ()) -> WatchConfig:
    """What a file says, with more cameras from the command line: named cam1, cam2, ... in their order.

    Raises ConfigError naming the file, the place in it and what is wrong there, never with a value that may be a password.
    """
    tree: Any = {}
    if path is not None:
        import yaml

        try:
            tree = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(f"{path}: cannot be read: {getattr(e, 'strerror', None) or e}") from e
        except yaml.YAMLError as e:
            mark = getattr(e, "problem_mark", None)
            where = "" if mark is None else f", line {mark.line + 1}"
            raise ConfigError(f"{path}{where}: not YAML: {getattr(e, 'problem', None) or 'cannot be parsed'}") from e
        if not isinstance(tree, dict):
            raise ConfigError(f"{path}: expected cameras:, sinks: and so on, found a {type(tree).__name__}")
    try:
        config = WatchConfig.model_validate(tree)
        taken = {c.name for c in config.cameras}
        names = (n for n in (f"cam{i}" for i in range(1, 10_000)) if n not in taken)
        more = tuple(CameraSpec(name=n, source=s) for n, s in zip(names, sources, strict=False))
    except ValidationError as e:
        raise ConfigError(f"{path}: {_explained(e)}") from None
    if not config.cameras and not more:
        raise ConfigError(f"{path or 'watch'}: no camera; name a SOURCE, or list cameras in the file")
    return config.model_copy(update={"cameras": (*config.cameras, *more)})


def secret(text: str | None) -> str | None:
    """A value with ``${NAME}`` from the environment."""
    return None if text is None else from_environment(text)


def _explained(e: ValidationError) -> str:
    lines = []
    for error in e.errors(include_input=False, include_url=False):
        place = ".".join(str(p) for p in error["loc"])
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(error["loc"][-1]), _keys(), n=1, cutoff=0.0)
            lines.append(f"{place}: unknown key; did you mean '{near[0]}'?")
        else:
            lines.append(hidden(f"{place or 'file'}: {error['msg'].removeprefix('Value error, ')}"))
    return "; ".join(lines)


def _keys() -> list[str]:
    """Every key anywhere in the file."""
    out: list[str] = []
    for spec in _Strict.__subclasses__():
        out += [k for k in spec.model_fields if k not in out]
    return out
