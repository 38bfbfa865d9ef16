"""The frame level of an exported model: graphs for the network, numpy behind it, the same calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.errors import ConfigError, ModelError, UsageError
from normalcy.exported.graph import RUNTIMES, GraphFile, Graphs, installed, open_graph, runtimes_of
from normalcy.exported.readouts import GraphReadout, less_usual, top_mean, z_of
from normalcy.exported.windows import GraphWindows
from normalcy.nn.stored import Stored
from normalcy.scoring.frame_model import FrameModel, Reading

FORMAT = 1
"""Of what an export writes into config.json; raised whenever older ones can no longer be read."""


@dataclass(frozen=True)
class Exported:
    """What an export left of the network."""

    files: Mapping[str, GraphFile] = field(repr=False)
    """By name of the graph."""
    precision: str
    stride: tuple[int, int, int]
    """Of the encoder, in time, height and width."""
    readouts: Sequence[Mapping[str, Any]] = field(repr=False)
    """What is to be said of each, by normalcy.exported.readouts.describe."""

    @classmethod
    def of(cls, stored: Stored) -> Exported:
        """Of a folder. Raises ModelError where it is of another version or damaged."""
        e, where = stored.export, stored.folder
        try:
            if e["format"] != FORMAT:
                raise ModelError(
                    f"{where}: exported by another version of Normalcy (export format {e['format']}, this reads {FORMAT}): "
                    "export the model again"
                )
            precision, stride = str(e["precision"]), tuple(int(s) for s in e["stride"])
            files = {}
            for name, file in e["graphs"].items():
                weights = stored.blobs[file[: -len(".xml")] + ".bin"] if file.endswith(".xml") else b""
                files[str(name)] = GraphFile(str(where / file), stored.blobs[file], weights, precision)
            return cls(files, precision, (stride[0], stride[1], stride[2]), list(e["readouts"]))
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise ModelError(f"{where}: its export cannot be read ({error}): export the model again") from error

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Runtimes that can run it, installed or not, beside torch."""
        kinds = {f.kind for f in self.files.values()}
        return tuple(r for r in RUNTIMES if all(r in runtimes_of(k, self.precision) for k in kinds))

    def open(self, runtime: str, threads: int) -> OpenGraphs:
        """Its graphs, ready. Raises UsageError, ModelError as open_graph()."""
        if runtime not in self.runtimes:
            raise UsageError(
                f"runtime {runtime} cannot run this model, exported with precision {self.precision} for "
                f"{' or '.join(self.runtimes)}"
            )
        return OpenGraphs({n: open_graph(f, runtime, threads) for n, f in self.files.items()}, runtime, self)

    def available(self) -> tuple[str, ...]:
        """Those of its runtimes that are installed. Raises UsageError where none is."""
        there = tuple(r for r in self.runtimes if installed(r))
        if self.files and not there:
            raise UsageError(
                f"none of the runtimes of this exported model is installed: pip install {' or '.join(self.runtimes)}"
            )
        return there


@dataclass(frozen=True)
class OpenGraphs:
    """Graphs that are ready to run: what stands for the network."""

    graphs: Graphs = field(repr=False)
    runtime: str
    exported: Exported


class ExportedModel(FrameModel):
    """A frame model whose network is graphs. It scores, and learns nothing more."""

    readouts: Sequence[GraphReadout]  # type: ignore[assignment]

    def __init__(self, cfg: Config, network: Any) -> None:
        """network: OpenGraphs; the name is that of the class above, which builds models of scenes."""
        self.open: OpenGraphs = network
        self._begin(cfg)

    @property
    def device(self) -> str:
        return "cpu"

    @property
    def stride(self) -> tuple[int, int, int]:
        return self.open.exported.stride

    @property
    def runtime(self) -> str:
        return self.open.runtime

    @property
    def precision(self) -> str:
        return self.open.exported.precision

    def with_config(self, cfg: Config) -> Self:
        """See Model. Raises ConfigError for another precision: it was decided by the export."""
        if cfg.scoring.precision != self.cfg.scoring.precision:
            raise ConfigError(
                f"scoring.precision={cfg.scoring.precision}: this model was exported with precision {self.precision}; export "
                "it again for another one"
            )
        return super().with_config(cfg)

    def _build_readouts(self) -> list[GraphReadout]:  # type: ignore[override]
        said = {str(s["name"]): s for s in self.open.exported.readouts}
        return [GraphReadout(self.cfg, said[name]) for name in self.cfg.scoring.readouts]

    def windows(self, frames_NHWC: NDArray[np.uint8], index_BT: NDArray[np.int64]) -> GraphWindows:  # type: ignore[override]
        """(N, H, W, 3) uint8 frames, and which of them are in each window (B, T)."""
        return GraphWindows(self.open.graphs, self.open.exported.stride, frames_NHWC, index_BT, self.cfg)

    def read(self, w: GraphWindows) -> Reading:  # type: ignore[override]
        """See FrameModel: the same steps in numpy."""
        s, normal = self.cfg.scoring, self.calibrated()
        values: list[NDArray[np.float64]] = []
        fused, local = np.zeros((len(w), *w.grid), np.float32), 0
        for r in self.readouts:
            own = normal.readouts[r.name]
            z = z_of(own.place, r.maps(w), s.bands, s.columns, r.two_sided)
            if r.name in self.usual_hw:
                z = less_usual(z, self.usual_hw[r.name])
            values.append((top_mean(z, s.top).astype(np.float64) - own.centre) / own.scale)
            if r.local:
                fused += np.arcsinh(z)
                local += 1
        return Reading(np.stack(values, axis=1), np.asarray(fused / max(local, 1) / normal.map_scale, dtype=np.float32))
