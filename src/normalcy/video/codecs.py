"""What the decoder on this machine can do, for the doctor."""

from __future__ import annotations

import av


def decoder() -> str:
    """PyAV's version and that of the libavcodec inside it."""
    codec = ".".join(str(n) for n in av.library_versions["libavcodec"])
    return f"PyAV {av.__version__} with libavcodec {codec}"


def missing_codecs() -> list[str]:
    """What is not there of decoding and encoding H.264, which nearly all cameras and the overlay video need."""
    out = []
    for name, mode in (("h264", "r"), ("libx264", "w")):
        try:
            av.Codec(name, mode)  # type: ignore[call-overload,arg-type,unused-ignore]
        except ValueError:  # av's UnknownCodecError
            out.append(f"{name} {'decoder' if mode == 'r' else 'encoder'}")
    return out
