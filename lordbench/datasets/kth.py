"""kth: people who walk, wave and box, from the videos of KTH actions (Schuldt et al., 2004)."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from lordbench.data.images import TEST, TRAIN, UNUSED, Column, Int64Array, UInt8Array
from lordbench.datasets.published.archives import Folder, Members, damaged
from lordbench.datasets.published.dataset import Labels, PreparedConfig, PublishedDataset, combine, resized
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft
from lordbench.datasets.published.video import frames, sequences
from lordbench.utils.errors import UserError

SITE = "https://www.csc.kth.se/cvap/actions/"
ACTIONS = ("walking", "jogging", "running", "boxing", "handwaving", "handclapping")
PERSONS = tuple(f"person{i:02d}" for i in range(1, 26))
CONDITIONS = ("d1", "d2", "d3", "d4")
SEQUENCES = OfficialFile("00sequences.txt", url=f"{SITE}00sequences.txt")
ZIPS = tuple(OfficialFile(f"{action}.zip", url=f"{SITE}{action}.zip") for action in ACTIONS)
VIDEO = "_uncomp.avi"
WIDTH, HEIGHT = 160, 120
LIMIT = 128 << 20
"""Bytes of the largest file that is read: more than any of the videos would have uncompressed."""
WHOLE = {"person01_boxing_d4": 245}
"""The official file ends within frame 305: its last sequence, 246-370, is left out, as in DrNet's list."""
MISSING = {"handclapping": 1}
"""How many of the 100 videos of an action the owners do not have: person13_handclapping_d3."""
FRAME = r"([^.].*\.(?i:png|jpe?g))"
TEST_PERSONS = (22, 2, 3, 5, 6, 7, 8, 9, 10)
VALIDATION_PERSONS = (19, 20, 21, 23, 24, 25, 1, 4)


class KthConfig(PreparedConfig):
    """Settings of kth.

    Attributes:
        action: what the people do.
        condition: d1 outdoors, d2 outdoors with changes of scale, d3 outdoors in other clothes, d4 indoors.
    """

    resolution: int = Field(default=64, ge=8, le=128)
    action: Literal["walking", "jogging", "running", "boxing", "handwaving", "handclapping"] = "handwaving"
    condition: Literal["d1", "d2", "d3", "d4"] = "d4"


@dataclass(frozen=True)
class Clip:
    """The frames that count of one video, or of the folder that stands for it.

    Attributes:
        labels: positions in ACTIONS, PERSONS and CONDITIONS.
        members: where the files are.
        names: of the video, or of all frames.
        sequences: int64, (n,): of each frame, counted from 1; 0 in a folder of frames, where none are known.
        frames: int64, (n,): the frames' numbers, counted from 1, rising.
    """

    labels: tuple[int, int, int]
    members: Members
    names: list[str]
    sequences: Int64Array
    frames: Int64Array

    def images(self, size: int) -> UInt8Array:
        """Read the frames, squeezed where they are not square: uint8, (n, 1, size, size)."""
        found = []
        for name, content in self.members.read(self.names, LIMIT):
            where = self.members.place / name
            if name.endswith(VIDEO):
                whole = frames(content, where, (WIDTH, HEIGHT), self.frames)
            else:
                whole = _grey(content, where)
            found.append(resized(whole, size))
        return np.concatenate(found)


class Kth(PublishedDataset):
    """Class = person (25); the pose, which is the content, is not labelled. Grey, from 160 x 120 pixels.

    The store holds every action and condition that was there, in the order action, person, condition, frame.
    """

    summary: ClassVar[str] = "KTH actions, frames of videos; class = person (25), content not labelled"
    name: ClassVar[str] = "kth"
    official: ClassVar[tuple[OfficialFile, ...]] = (SEQUENCES, *ZIPS)
    site: ClassVar[str] = SITE
    Config = KthConfig
    config: KthConfig

    def draft(self, source: Source) -> Draft:
        """Read the videos of `<action>.zip`, or the folders of frames `<action>/<person>/<condition>`.

        Raises:
            UserError: as PreparedDataset, and where a video has no line in `00sequences.txt`, or a line of an
                action that is there has no video.
        """
        clips = _videos(source) or _folders(source)
        if not clips:
            raise source.lacking("walking.zip, or another of the six actions, or its videos,")
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
        starts = itertools.accumulate(lengths, initial=0)
        blocks = (
            (np.arange(start, start + len(clip.frames)), clip.images(size))
            for start, clip in zip(starts, clips, strict=False)
        )
        return Draft(columns, (1, size, size), blocks, len(clips))

    def incomplete(self, columns: dict[str, Column]) -> str:
        """Compare the number of videos of each action that is there; that of all frames is not published."""
        if not columns["sequence"].values.all():
            return "folders of frames, which nothing official describes"
        labels = [columns[name].values for name in ("action", "person", "condition")]
        found = np.bincount(np.unique(labels, axis=1)[0], minlength=len(ACTIONS))
        for action, n in zip(ACTIONS, found.tolist(), strict=True):
            expected = len(PERSONS) * len(CONDITIONS) - MISSING.get(action, 0)
            if n not in (0, expected):
                return f"{n} videos of {action}, where the official set has {expected}"
        return ""

    def chosen(self, columns: dict[str, Column]) -> Int64Array | None:
        """Frames of the action and the condition.

        Raises:
            UserError: the set was prepared without them.
        """
        action, condition = columns["action"], columns["condition"]
        wanted = (ACTIONS.index(self.config.action), CONDITIONS.index(self.config.condition))
        rows = np.flatnonzero((action.values == wanted[0]) & (condition.values == wanted[1]))
        if not len(rows):
            raise UserError(
                f"kth: prepared without {self.config.action} {self.config.condition}, from "
                + ", ".join(combine([action, condition])[1]),
                f"Put the videos of all actions that you want into one folder, {self.config.action}.zip among"
                " them, and run `lordbench data prepare kth --from FOLDER` again.",
            )
        return rows.astype(np.int64)

    def labels(self, columns: dict[str, Column]) -> Labels:
        """Class = person; the official split holds out people, and leaves its validation part out."""
        parts = np.full(len(PERSONS), TRAIN, dtype=np.int64)
        parts[np.array(TEST_PERSONS) - 1] = TEST
        parts[np.array(VALIDATION_PERSONS) - 1] = UNUSED
        return Labels(combine([columns["person"]]), None, parts[columns["person"].values])


def _videos(source: Source) -> list[Clip]:
    """The videos of each action, from its archive or from what was unpacked from it."""
    places: dict[str, tuple[Members, str]] = {}
    for action, official in zip(ACTIONS, ZIPS, strict=True):
        members = source.members(official)
        pattern = rf"(person(?:0[1-9]|1\d|2[0-5])_{action}_d[1-4]){VIDEO}"
        places |= {video: (members, name) for video, name in members.matching(("", action), pattern).items()}
    if not places:
        return []
    listed = source.require(SEQUENCES)
    of_frames = sequences(listed)
    _require_both(source.path, listed, set(places), of_frames)
    clips = []
    for video, (members, name) in places.items():
        values = of_frames[video][: WHOLE.get(video)]
        kept = np.flatnonzero(values)
        clips.append(Clip(_labels(video), members, [name], values[kept], kept.astype(np.int64) + 1))
    return clips


def _require_both(path: Path, listed: Path, videos: set[str], of_frames: dict[str, Int64Array]) -> None:
    """Require a line for each video, and a video for each line of an action that is there."""
    without_line = [video for video in sorted(videos) if not len(of_frames.get(video, ()))]
    if without_line:
        raise UserError(
            f"{listed}: the line of {without_line[0]} is missing, or has no frames",
            "It is truncated or of another version: get it again from its owners.",
        )
    actions = {video.split("_")[1] for video in videos}
    expected = {video for video in of_frames if video.split("_")[1] in actions and len(of_frames[video])}
    if expected - videos:
        raise UserError(
            f"{path}: {min(expected - videos)}{VIDEO} is not there, but has a line in {listed.name}",
            "The archive is incomplete or the folder unpacked in part: get it again from its owners.",
        )


def _labels(video: str) -> tuple[int, int, int]:
    person, action, condition = video.split("_")
    return ACTIONS.index(action), PERSONS.index(person), CONDITIONS.index(condition)


def _folders(source: Source) -> list[Clip]:
    """The folders of frames, with PATH above the actions or at one of them."""
    if not source.path.is_dir():
        return []
    members = Folder(source.path)
    clips = []
    for action, person, condition in itertools.product(ACTIONS, PERSONS, CONDITIONS):
        place = f"{person}/{condition}"
        here = [place] if source.path.resolve().name == action else []
        names = list(members.matching((f"{action}/{place}", *here), FRAME).values())
        if names:
            labels = _labels(f"{person}_{action}_{condition}")
            numbers = np.arange(1, len(names) + 1, dtype=np.int64)
            clips.append(Clip(labels, members, names, np.zeros_like(numbers), numbers))
    return clips


def _grey(content: bytes, where: Path) -> UInt8Array:
    """Decode a frame of a folder: uint8, (1, 1, H, W)."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if picture.mode not in ("L", "RGB"):
                raise ValueError(f"it is of mode {picture.mode}, not grey or RGB of 8 bits")
            return np.asarray(picture.convert("L"))[None, None]
    except Exception as error:
        # Decoders raise nearly anything on a damaged file.
        raise damaged(where, error) from error
