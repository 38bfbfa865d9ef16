"""Tiny copies of every benchmark in the layout of its authors, quirks included. For tests only.

Each ``make_*`` writes a data set below ``root`` and returns what a reader has to find. The footage is a small square moving
slowly over a still background; in abnormal frames a larger bright square, exactly under the mask, jumps about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import scipy.io

Ranges = Sequence[tuple[int, int]]
"""Half-open 0-based (start, end)."""


@dataclass
class Truth:
    """What a reader has to find in a generated data set."""

    root: Path
    train: list[str] = field(default_factory=list)
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    """Test video name -> (N,) uint8."""
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    """Test video name -> (N, H, W) bool, where the layout has masks."""
    scenes: set[str] = field(default_factory=lambda: {"all"})


def footage(
    frames: int, abnormal: Ranges = (), size: tuple[int, int] = (48, 32), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W, 3) uint8 RGB frames and their (N, H, W) bool masks; size is (width, height)."""
    w, h = size
    rng = np.random.default_rng(seed)
    background = cv2.GaussianBlur(rng.integers(60, 120, (h, w, 3), dtype=np.uint8), (0, 0), 3)
    video = np.repeat(background[None], frames, 0)
    masks = np.zeros((frames, h, w), dtype=bool)
    side, big = h // 8, h // 3
    for i in range(frames):
        x = (i + 5 * seed) % (w - side)
        video[i, h // 2 : h // 2 + side, x : x + side] = 200
        if any(a <= i < b for a, b in abnormal):
            y0, x0 = int(rng.integers(0, h - big)), int(rng.integers(0, w - big))
            video[i, y0 : y0 + big, x0 : x0 + big] = 255
            masks[i, y0 : y0 + big, x0 : x0 + big] = True
    return video, masks


def labels_of(frames: int, abnormal: Ranges) -> np.ndarray:
    """(frames,) uint8, 1 inside the ranges."""
    labels = np.zeros(frames, dtype=np.uint8)
    for a, b in abnormal:
        labels[a:b] = 1
    return labels


def write_video(path: Path, frames: np.ndarray, fps: float = 10.0) -> None:
    """Motion JPEG for .avi, MPEG-4 for .mp4; every frame is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    h, w = frames.shape[1:3]
    code = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, (w, h))
    assert writer.isOpened(), path
    for frame in frames:
        writer.write(frame[..., ::-1].copy())
    writer.release()


def write_frames(folder: Path, frames: np.ndarray, suffix: str = ".jpg", digits: int = 3, first: int = 0) -> None:
    """One picture per frame, numbered from ``first`` with ``digits`` digits. 2-D frames are written as grey."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, frame in enumerate(frames, first):
        image = frame[..., ::-1] if frame.ndim == 3 else frame
        assert cv2.imwrite(str(folder / f"{i:0{digits}d}{suffix}"), image)


def litter(folder: Path) -> None:
    """What other systems leave behind."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (folder / "._.DS_Store").write_bytes(b"\x00\x05\x16\x07")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")


ABNORMAL: tuple[Ranges, ...] = (((8, 16),), ((0, 5), (15, 24)), ((20, 24),), ((0, 24),))
"""Abnormal stretches of the generated test videos of 24 frames: middle, both ends, the end, throughout."""


def make_folder(root: Path, frames: int = 24, tests: int = 2, size: tuple[int, int] = (48, 32), scenes: bool = False) -> Truth:
    """The plain layout: mp4 files, labels .npy, masks .npz, optionally scenes.csv."""
    truth = Truth(root)
    names = [f"{k:02d}" for k in range(1, max(tests, 2) + 1)]
    for k, name in enumerate(names[:2]):
        write_video(root / "training" / "videos" / f"{name}.mp4", footage(frames, (), size, k)[0])
        truth.train.append(name)
    for k, name in enumerate(names[:tests]):
        video, masks = footage(frames, ABNORMAL[k], size, k)
        write_video(root / "testing" / "videos" / f"{name}.mp4", video)
        truth.labels[name], truth.masks[name] = labels_of(frames, ABNORMAL[k]), masks
        for kind in ("labels", "masks"):
            (root / "testing" / kind).mkdir(parents=True, exist_ok=True)
        np.save(root / "testing" / "labels" / f"{name}.npy", truth.labels[name])
        np.savez_compressed(root / "testing" / "masks" / f"{name}.npz", masks=masks)
    if scenes:
        lines = ["name,scene", *(f"{n},cam{k % 2}" for k, n in enumerate(names))]
        (root / "scenes.csv").write_text("\n".join(lines) + "\n")
        truth.scenes = {f"cam{k % 2}" for k in range(len(names))}
    litter(root / "training" / "videos")
    litter(root / "testing" / "videos")
    return truth


def make_ucsd(root: Path, which: int = 2, frames: int = 24, size: tuple[int, int] = (48, 32)) -> Truth:
    """UCSD: .tif frames, _gt folders (Ped1: of one clip only), 1-based ranges in a .m file, .DS_Store everywhere."""
    name = f"UCSDped{which}"
    truth = Truth(root)
    base = root / "UCSD_Anomaly_Dataset.v1p2" / name
    for k in (1, 2):
        truth.train.append(f"Train{k:03d}")
        write_frames(base / "Train" / f"Train{k:03d}", footage(frames, (), size, k)[0], ".tif", first=1)
    script = ["TestVideoFile = {};", "% ranges of abnormal frames, e.g. gt_frame = [1:2];"]
    for k, abnormal in enumerate(ABNORMAL[:3], 1):
        clip = f"Test{k:03d}"
        video, masks = footage(frames, abnormal, size, k)
        write_frames(base / "Test" / clip, video, ".tif", first=1)
        litter(base / "Test" / clip)
        script.append(f"TestVideoFile{{end+1}}.gt_frame = [{', '.join(f'{a + 1}:{b}' for a, b in abnormal)}];")
        truth.labels[clip] = labels_of(frames, abnormal)
        if which == 2 or k == 1:
            truth.masks[clip] = masks
            write_frames(base / "Test" / f"{clip}_gt", masks.astype(np.uint8) * 255, ".bmp", first=1)
            litter(base / "Test" / f"{clip}_gt")
    (base / "Test" / f"{name}.m").write_text("\r\n".join(script) + "\r\n")
    for folder in (base, base / "Train", base / "Test"):
        litter(folder)
    return truth


def cells(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """A 1 x N object array, which scipy writes as a cell array."""
    out = np.empty((1, len(arrays)), dtype=object)
    for k, a in enumerate(arrays):
        out[0, k] = a
    return out


def write_mat73(path: Path, name: str, arrays: Sequence[np.ndarray]) -> None:
    """A 1 x N cell array as MATLAB 7.3 writes it: HDF5 behind 512 bytes of text, everything transposed."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as f:
        references = np.empty((len(arrays), 1), dtype=h5py.ref_dtype)
        for k, a in enumerate(arrays):
            references[k, 0] = f.create_dataset(f"#refs#/{k}", data=a.T).ref
        f.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def make_avenue(
    root: Path, frames: int = 24, size: tuple[int, int] = (48, 32), v73: bool = False, hasan: Ranges | None = ((9, 17),)
) -> Truth:
    """Avenue: padded .avi names, N_label.mat without padding, version 5 or 7.3; Hasan's intervals in avenue.mat."""
    truth = Truth(root)
    for k in (1, 2):
        truth.train.append(f"{k:02d}")
        write_video(root / "training_videos" / f"{k:02d}.avi", footage(frames, (), size, k)[0])
    mask_dir = root / "ground_truth_demo" / "testing_label_mask"
    mask_dir.mkdir(parents=True, exist_ok=True)
    numbers = (1, 2, 10)
    for k, abnormal in zip(numbers, (ABNORMAL[0], ABNORMAL[1], ABNORMAL[3]), strict=True):
        video, masks = footage(frames, abnormal, size, k)
        write_video(root / "testing_videos" / f"{k:02d}.avi", video)
        layers = [m.astype(np.uint8) for m in masks]
        if v73:
            write_mat73(mask_dir / f"{k}_label.mat", "volLabel", layers)
        else:
            scipy.io.savemat(mask_dir / f"{k}_label.mat", {"volLabel": cells(layers)}, do_compression=True)
        truth.labels[f"{k:02d}"], truth.masks[f"{k:02d}"] = labels_of(frames, abnormal), masks
    if hasan is not None:
        interval = np.array([[a + 1 for a, _ in hasan], [b for _, b in hasan]], dtype=np.uint16)
        scipy.io.savemat(root / "avenue.mat", {"gt": cells([interval] * max(numbers))})
    litter(root / "testing_videos")
    litter(mask_dir)
    return truth


def make_shanghaitech(root: Path, frames: int = 24, size: tuple[int, int] = (48, 32), train_frames: bool = False) -> Truth:
    """ShanghaiTech: training .avi (or frame folders of 6 digits), testing frame folders of 3 digits, .npy masks."""
    truth = Truth(root, scenes={"01", "02"})
    for k, name in enumerate(("01_001", "02_001")):
        truth.train.append(name)
        video = footage(frames, (), size, k)[0]
        if train_frames:
            write_frames(root / "training" / "frames" / name, video, digits=6)
        else:
            write_video(root / "training" / "videos" / f"{name}.avi", video)
    for kind in ("test_frame_mask", "test_pixel_mask"):
        (root / "testing" / kind).mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(("01_0014", "01_0015", "02_0128")):
        video, masks = footage(frames, ABNORMAL[k], size, k)
        write_frames(root / "testing" / "frames" / name, video)
        truth.labels[name], truth.masks[name] = labels_of(frames, ABNORMAL[k]), masks
        np.save(root / "testing" / "test_frame_mask" / f"{name}.npy", truth.labels[name].astype(np.int8))
        np.save(root / "testing" / "test_pixel_mask" / f"{name}.npy", masks.astype(np.uint8))
    litter(root / "testing" / "frames")
    return truth


def make_ucf_crime(root: Path, frames: int = 24, size: tuple[int, int] = (48, 32), variant: bool = False) -> Truth:
    """UCF-Crime: class folders, the official annotation with -1, or the other lists in use (``variant``)."""
    truth = Truth(root, scenes={"unknown"})
    tests: dict[str, tuple[str, Ranges]] = {
        "Abuse028_x264": ("Abuse", ((8, 16),)),
        "Arson011_x264": ("Arson", ((0, 5), (15, 24))),
        "Normal_Videos_003_x264": ("Testing_Normal_Videos_Anomaly", ()),
    }
    training = "Training-Normal-Videos-Part-1"
    for k, name in enumerate(("Normal_Videos001_x264", "Normal_Videos010_x264")):
        truth.train.append(name)
        write_video(root / training / f"{name}.mp4", footage(frames, (), size, k)[0])
    write_video(root / "Anomaly-Videos-Part-1" / "Abuse" / "Abuse001_x264.mp4", footage(frames, ((0, 9),), size)[0])
    for k, (name, (kind, abnormal)) in enumerate(tests.items()):
        write_video(root / kind / f"{name}.mp4", footage(frames, abnormal, size, k)[0])
        truth.labels[name] = labels_of(frames, abnormal)
    if variant:
        rows = [(f"{kind}/{n}.mp4", r) for n, (kind, r) in tests.items()]
        flat = {n: ", ".join(f"{a + 1}, {b}" for a, b in r) for n, r in rows}
        (root / "test_anomalyv2.txt").write_text("".join(f"{n}|{frames}|[{flat[n]}]\n" for n, r in rows if r))
        (root / "test_normalv2.txt").write_text("".join(f"{n} {frames} -1\n" for n, r in rows if not r))
        names = [*truth.train, truth.train[0]]
        (root / "train_normal.txt").write_text("".join(f"Normal_Videos_event/{n}.mp4\n" for n in names))
        return truth
    lines = []
    for name, (kind, abnormal) in tests.items():
        numbers = [x for a, b in abnormal for x in (a + 1, b)] + [-1] * (4 - 2 * len(abnormal))
        kind = kind if abnormal else "Normal"
        lines.append(f"{name}.mp4  {kind}  " + "  ".join(map(str, numbers)) + "  \n")
    (root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text("".join(lines))
    split = root / "Anomaly_Detection_splits"
    split.mkdir()
    listed = ["Abuse/Abuse001_x264.mp4", *(f"Training_Normal_Videos_Anomaly/{n}.mp4" for n in truth.train)]
    (split / "Anomaly_Train.txt").write_text("\n".join(listed) + "\n")
    return truth


def make_nwpu(root: Path, frames: int = 24, size: tuple[int, int] = (48, 32)) -> Truth:
    """NWPU Campus: scene in the name, one archive of labels, an all-normal test video."""
    truth = Truth(root, scenes={"D001", "D002"})
    base = root / "NWPUCampusDataset"
    for k, name in enumerate(("D001_01", "D002_01")):
        truth.train.append(name)
        write_video(base / "videos" / "Train" / f"{name}.avi", footage(frames, (), size, k)[0])
    for k, (name, abnormal) in enumerate((("D001_03", ABNORMAL[0]), ("D002_05", ABNORMAL[1]), ("D002_10", ()))):
        write_video(base / "videos" / "Test" / f"{name}.avi", footage(frames, abnormal, size, k)[0])
        truth.labels[name] = labels_of(frames, abnormal)
    (base / "groundtruth").mkdir()
    np.savez(base / "groundtruth" / "NWPU_Campus_gt.npz", **truth.labels)
    return truth


def make_ubnormal(root: Path, frames: int = 24, size: tuple[int, int] = (48, 32)) -> Truth:
    """UBnormal: scene folders, maps of object ids, tracks, split files in ``scripts``; object 7 is a normal one."""
    truth = Truth(root, scenes={"1", "12"})
    truth.train = ["normal_scene_1_scenario1_9", "normal_scene_12_scenario_4"]
    for k, name in enumerate(truth.train):
        write_video(_ubnormal_path(root, name), footage(frames, (), size, k)[0])
    tests: dict[str, Ranges] = {
        "abnormal_scene_1_scenario_2": ((8, 16),),
        "abnormal_scene_12_scenario_1_fog": ((0, 5), (15, 24)),
        "normal_scene_12_scenario_2": (),
    }
    for k, (name, abnormal) in enumerate(tests.items()):
        video, masks = footage(frames, abnormal, size, k)
        path = _ubnormal_path(root, name)
        write_video(path, video)
        truth.labels[name], truth.masks[name] = labels_of(frames, abnormal), masks
        if abnormal:
            folder = path.parent / f"{name}_annotations"
            folder.mkdir()
            for i, mask in enumerate(masks):
                ids = np.where(mask, 3, 0).astype(np.uint8)
                ids[-3:, -3:] = 7
                masks[i, -3:, -3:] = False
                assert cv2.imwrite(str(folder / f"{name}_{i:04d}_gt.png"), ids)
            (folder / f"{name}_tracks.txt").write_text("".join(f"3,{a},{b - 1}\n" for a, b in abnormal))
    scripts = root / "scripts"
    scripts.mkdir()
    lists = {
        "normal_training": truth.train,
        "abnormal_training": ["abnormal_scene_1_scenario_3"],
        "normal_test": [n for n, r in tests.items() if not r],
        "abnormal_test": [n for n, r in tests.items() if r],
    }
    for split, names in lists.items():
        (scripts / f"{split}_video_names.txt").write_text("\n".join(names) + "\n")
    return truth


def _ubnormal_path(root: Path, name: str) -> Path:
    return root / f"Scene{name.split('_')[2]}" / f"{name}.mp4"


def make_umn(root: Path, frames: int = 24, size: tuple[int, int] = (48, 32)) -> Truth:
    """UMN cut into clips in the folder layout: 01-02 are the lawn, 03-08 indoors."""
    truth = Truth(root, scenes={"lawn", "indoor"})
    for k, name in enumerate(("01", "03")):
        truth.train.append(name)
        write_video(root / "training" / "videos" / f"{name}.mp4", footage(frames, (), size, k)[0])
        write_video(root / "testing" / "videos" / f"{name}.mp4", footage(frames, ABNORMAL[2], size, k)[0])
        truth.labels[name] = labels_of(frames, ABNORMAL[2])
        (root / "testing" / "labels").mkdir(parents=True, exist_ok=True)
        np.save(root / "testing" / "labels" / f"{name}.npy", truth.labels[name])
    return truth


LAYOUTS: dict[str, tuple[str, Callable[[Path], Truth]]] = {
    "folder": ("folder", lambda r: make_folder(r, scenes=True)),
    "ped1": ("ped1", lambda r: make_ucsd(r, 1)),
    "ped2": ("ped2", lambda r: make_ucsd(r, 2)),
    "avenue": ("avenue", make_avenue),
    "shanghaitech": ("shanghaitech", make_shanghaitech),
    "shanghaitech-frames": ("shanghaitech", lambda r: make_shanghaitech(r, train_frames=True)),
    "ucf_crime": ("ucf_crime", make_ucf_crime),
    "ucf_crime-variant": ("ucf_crime", lambda r: make_ucf_crime(r, variant=True)),
    "nwpu": ("nwpu", make_nwpu),
    "ubnormal": ("ubnormal", make_ubnormal),
    "umn": ("umn", make_umn),
}
"""Name of a variant -> (name of the data set, what writes it below a folder)."""
