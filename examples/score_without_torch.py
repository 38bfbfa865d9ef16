"""Score a video with an exported model, frame by frame, where PyTorch is not installed.

    normalcy export models/gate --out models/gate-ov          # where PyTorch is
    python score_without_torch.py models/gate-ov video.mp4    # where it is not

docs/export.md says what to install.
"""

from __future__ import annotations

import argparse
import sys

import normalcy
from normalcy.video.reader import VideoReader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder that normalcy export wrote")
    parser.add_argument("video")
    parser.add_argument("--runtime", default="auto", help="auto, openvino or onnxruntime")
    args = parser.parse_args()
    model = normalcy.load(args.model, runtime=args.runtime)
    with VideoReader(args.video) as reader:
        info = reader.info
        stream = normalcy.open_stream(model, info.width, info.height, info.fps, name=info.name)
        scores = [s for frame in reader for s in stream.push(frame).scores] + stream.finish().scores
    threshold = stream.alarm.value
    for s in scores:
        if threshold is not None and s.score > threshold:
            print(f"{s.time_s:.2f} s: {s.score:.2f}")
    highest = max(scores, key=lambda s: s.score)
    print(f"{len(scores)} frames by {model.runtime}, highest {highest.score:.2f} at {highest.time_s:.2f} s")
    if "torch" in sys.modules:
        raise SystemExit("PyTorch was imported")


if __name__ == "__main__":
    main()
