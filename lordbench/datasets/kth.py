"""kth: people who walk, wave and box, from the videos of the KTH actions (Schuldt et al., 2004)."""

import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
from PIL import Image
from pydantic import Field

from lordbench.data import TEST, TRAIN, UNUSED, Column, Int64Array, UInt8Array
from lordbench.datasets.published.archives import Folder, Members, damaged
from lordbench.datasets.published.dataset import Labels, PublishedConfig, PublishedDataset, combine, resized
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft
from lordbench.datasets.published.video import frames
from lordbench.utils import files
from lordbench.utils.errors import UserError, require_extra

SITE = "https://www.csc.kth.se/cvap/actions/"
Action = Literal["walking", "jogging", "running", "boxing", "handwaving", "handclapping"]
ACTIONS = get_args(Action)
PERSONS = tuple(f"person{i:02d}" for i in range(1, 26))
Condition = Literal["d1", "d2", "d3", "d4"]
CONDITIONS = get_args(Condition)
SEQUENCES = OfficialFile("00sequences.txt", url=f"{SITE}00sequences.txt")
ZIPS = tuple(OfficialFile(f"{action}.zip", url=f"{SITE}{action}.zip") for action in ACTIONS)
VIDEO = "_uncomp.avi"
WIDTH, HEIGHT = 160, 120
LIMIT = 128 << 20  # bytes of the largest file that is read: more than any of the videos, uncompressed
# The official video ends within frame 305: its last sequence, 246-370, is left out, as in DrNet's list.
LAST_FRAMES = {"person01_boxing_d4": 245}
MISSING = {"handclapping": 1}  # of the 100 videos of each action: person13_handclapping_d3
FRAME = r"([^.].*\.(?i:png|jpe?g))"
LARGEST_LIST = 1 << 17  # bytes: 200 for each of 600 videos; every line takes some memory
# Other lines are prose, such as the official split's `Training:   person11, 12`.
LINE = re.compile(r"(person\d\d_\w+)(?:\s+(?:frames?\s+(.*)|(\*missing\*)))?")
# Four digits: the longest official video has some 1,500 frames.
RANGE = re.compile(r"(\d{1,4})-(\d{1,4})")
TEST_PERSONS = (22, 2, 3, 5, 6, 7, 8, 9, 10)
VALIDATION_PERSONS = (19, 20, 21, 23, 24, 25, 1, 4)


class KthConfig(PublishedConfig):
    """Settings of kth: what the people do, and where.

    d1 is outdoors, d2 outdoors with changes of scale, d3 outdoors in other clothes, d4 indoors.
    """

    resolution: int = Field(default=64, ge=8, le=128)
    action: Action = "handwaving"
    condition: Condition = "d4"


@dataclass(frozen=True)
class Clip:
    """The used frames of a video, or of a folder of frames.

    Attributes:
        labels: positions in ACTIONS, PERSONS and CONDITIONS.
        names: of the video, or of all frames.
        sequences: of each frame, int64 (n,), from 1; 0 in a folder of frames, where they are unknown.
        frames: increasing numbers, int64 (n,), from 1.
    """

    labels: tuple[int, int, int]
    members: Members
    names: list[str]
    sequences: Int64Array
    frames: Int64Array

    def images(self, size: int) -> UInt8Array:
        """Read the frames, resized to squares without cropping: uint8, (n, 1, size, size)."""
        parts = []
        for name, content in self.members.read(self.names, LIMIT):
            path = self.members.path / name
            is_video = name.endswith(VIDEO)
            images = frames(content, path, (WIDTH, HEIGHT), self.frames) if is_video else _grey(content, path)
            parts.append(resized(images, size))
        return np.concatenate(parts)


class Kth(PublishedDataset):
    """Class = person (25); the pose, which is the content, is not labelled. Grey, from 160 x 120 pixels.

    The store holds all actions and conditions of the source, in the order action, person, condition, frame.
    """

    summary: ClassVar[str] = "KTH actions, frames of videos; class = person (25), content not labelled"
    name: ClassVar[str] = "kth"
    official: ClassVar[tuple[OfficialFile, ...]] = (SEQUENCES, *ZIPS)
    site: ClassVar[str] = SITE
    Config = KthConfig
    config: KthConfig

    def draft(self, source: Source) -> Draft:
        """Read the videos of `<action>.zip`, or the folders of frames `<action>/<person>/<condition>`.

        Each video must have a line in `00sequences.txt`, and each line of a present action a video.
        """
        clips = _videos(source) or _folders(source)
        if not clips:
            raise source.not_found("walking.zip, or another of the six actions, or its videos,")
        lengths = [len(clip.frames) for clip in clips]
        action, person, condition = np.repeat([clip.labels for clip in clips], lengths, axis=0).T
        columns = {
            "action": Column(action, ACTIONS),
            "person": Column(person, PERSONS),
            "condition": Column(condition, CONDITIONS),
            "sequence": Column(np.concatenate([clip.sequences for clip in clips])),
            "frame": Column(np.concatenate([clip.frames for clip in clips])),
        }
        size = self.config.resolution
        ends = itertools.accumulate(lengths)
        rows = (np.arange(end - n, end) for n, end in zip(lengths, ends, strict=True))
        blocks = ((some, clip.images(size)) for some, clip in zip(rows, clips, strict=True))
        return Draft(columns, (1, size, size), blocks, len(clips))

    def incomplete(self, columns: dict[str, Column]) -> str:
        """Compare the number of videos of each present action; that of all frames is not published."""
        if not columns["sequence"].values.all():
            return "folders of frames, for which no official count exists"
        labels = [columns[name].values for name in ("action", "person", "condition")]
        counts = np.bincount(np.unique(labels, axis=1)[0], minlength=len(ACTIONS))
        for action, n in zip(ACTIONS, counts.tolist(), strict=True):
            expected = len(PERSONS) * len(CONDITIONS) - MISSING.get(action, 0)
            if n not in (0, expected):
                return f"{n} videos of {action}, where the official set has {expected}"
        return ""

    def selected(self, columns: dict[str, Column]) -> Int64Array | None:
        """Select the frames of the action and the condition; UserError if there are none."""
        action, condition = columns["action"], columns["condition"]
        is_action = action.values == ACTIONS.index(self.config.action)
        rows = np.flatnonzero(is_action & (condition.values == CONDITIONS.index(self.config.condition)))
        if not len(rows):
            raise UserError(
                f"kth: prepared without {self.config.action} {self.config.condition}, from "
                + ", ".join(combine([action, condition])[1]),
                f"Put the videos of all required actions into one folder, including {self.config.action}.zip,"
                " and run `lordbench data prepare kth --from FOLDER` again.",
            )
        return rows.astype(np.int64)

    def labels(self, columns: dict[str, Column]) -> Labels:
        """Class = person; the official split holds out people, and its validation part is unused."""
        parts = np.full(len(PERSONS), TRAIN, dtype=np.int64)
        parts[np.array(TEST_PERSONS) - 1] = TEST
        parts[np.array(VALIDATION_PERSONS) - 1] = UNUSED
        return Labels(combine([columns["person"]]), None, parts[columns["person"].values])


def _videos(source: Source) -> list[Clip]:
    """Return the videos of each action, from its archive or the unpacked folder."""
    videos: dict[str, tuple[Members, str]] = {}
    for action, official in zip(ACTIONS, ZIPS, strict=True):
        members = source.members(official)
        pattern = rf"(person(?:0[1-9]|1\d|2[0-5])_{action}_d[1-4]){VIDEO}"
        videos |= {video: (members, name) for video, name in members.matching(("", action), pattern).items()}
    if not videos:
        return []
    require_extra("av", "data", "kth: videos need PyAV")
    listed = source.require(SEQUENCES)
    by_video = sequences(listed)
    _require_both(source.path, listed, set(videos), by_video)
    clips = []
    for video, (members, name) in videos.items():
        values = by_video[video][: LAST_FRAMES.get(video)]
        used = np.flatnonzero(values).astype(np.int64)
        clips.append(Clip(_labels(video), members, [name], values[used], used + 1))
    return clips


def sequences(path: Path) -> dict[str, Int64Array]:
    """Read `00sequences.txt`: the sequence of each frame of each video, up to the last frame used.

    Returns int64, (n,), by video: frame `f` belongs to sequence `values[f - 1]`, counted from 1, or to none
    where that is 0; n is 0 for a missing video. Some official ranges overlap: a frame belongs to the first
    sequence that lists it. UserError names a file or line that cannot be read.
    """
    by_video: dict[str, Int64Array] = {}
    try:
        for number, line in enumerate(files.read_text(path, LARGEST_LIST).splitlines(), 1):
            if (match := LINE.match(line.strip())) is None:
                continue
            video, ranges, missing = match.groups()
            if video in by_video:
                raise ValueError(f"line {number} repeats {video}")
            by_video[video] = np.zeros(0, dtype=np.int64) if missing else _numbered(ranges or "", number)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    return by_video


def _numbered(ranges: str, line: int) -> Int64Array:
    parts = [RANGE.fullmatch(part.strip()) for part in ranges.split(",")]
    bounds = [(int(part[1]), int(part[2])) for part in parts if part is not None]
    if len(bounds) < len(parts) or any(not 1 <= first <= last for first, last in bounds):
        raise ValueError(f"the frames of line {line} are not ranges such as 1-95, 96-185")
    values = np.zeros(max(last for _, last in bounds), dtype=np.int64)
    for i, (first, last) in reversed(list(enumerate(bounds, 1))):
        values[first - 1 : last] = i
    return values


def _require_both(path: Path, listed: Path, videos: set[str], by_video: dict[str, Int64Array]) -> None:
    """Require a line for each video, and a video for each line of a present action."""
    with_frames = {video for video, values in by_video.items() if len(values)}
    if without_line := videos - with_frames:
        raise UserError(
            f"{listed}: the line of {min(without_line)} is missing, or has no frames",
            "The file is truncated or of another version. Get it again from its owners.",
        )
    actions = {video.split("_")[1] for video in videos}
    if not_found := {video for video in with_frames - videos if video.split("_")[1] in actions}:
        raise UserError(
            f"{path}: {min(not_found)}{VIDEO} not found, but it has a line in {listed.name}",
            "The archive is incomplete or was unpacked in part. Get it again from its owners.",
        )


def _labels(video: str) -> tuple[int, int, int]:
    person, action, condition = video.split("_")
    return ACTIONS.index(action), PERSONS.index(person), CONDITIONS.index(condition)


def _folders(source: Source) -> list[Clip]:
    """Return the folders of frames below the source, which may be the folder of one action."""
    if not source.path.is_dir():
        return []
    members = Folder(source.path)
    clips = []
    for action, person, condition in itertools.product(ACTIONS, PERSONS, CONDITIONS):
        folders = [f"{action}/{person}/{condition}"]
        if source.path.resolve().name == action:
            folders.append(f"{person}/{condition}")
        if names := list(members.matching(folders, FRAME).values()):
            labels = _labels(f"{person}_{action}_{condition}")
            numbers = np.arange(1, len(names) + 1, dtype=np.int64)
            clips.append(Clip(labels, members, names, np.zeros_like(numbers), numbers))
    return clips


def _grey(content: bytes, path: Path) -> UInt8Array:
    """Decode a frame of a folder: uint8, (1, 1, H, W)."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            if image.mode not in ("L", "RGB"):
                raise ValueError(f"its mode is {image.mode}, not 8-bit grey or RGB")
            return np.asarray(image.convert("L"))[None, None]
    except Exception as error:
        # Decoders raise nearly any exception on a damaged file.
        raise damaged(path, error) from error
