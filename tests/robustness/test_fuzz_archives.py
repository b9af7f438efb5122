"""Any content of an archive or an official file is read or refused, by name and within bounds."""

from __future__ import annotations

import gzip
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from fuzzing import altered, memory_below, refusing
from hypothesis import example, given
from hypothesis import strategies as st
from kth_files import RANGES, avi, listing
from official_files import mat, matrix
from preparing import write_folder, write_tar, write_zip

from lordbench.datasets import smallnorb
from lordbench.datasets.cars3d import SHAPE, _mesh
from lordbench.datasets.celeba import _listed
from lordbench.datasets.kth import FRAME, sequences
from lordbench.datasets.published import archives
from lordbench.datasets.published.archives import Folder, Members, TarGz, Zip
from lordbench.datasets.published.video import frames
from lordbench.datasets.rafd import FIELDS, _fields
from lordbench.utils.errors import UserError

LIMIT = 1 << 12
PATTERNS = (r"(car_\w+)_mesh\.mat", r"(\d+\.jpg)", r"(\d+)_AB\.jpg", r"(Rafd.*)", FRAME)
FILES = [("data/1.jpg", b"one"), ("data/2.jpg", b"two"), ("data/10.jpg", b"ten"), ("other/3.jpg", b"three")]
OUTWARD = [
    ("../data/4.jpg", b"x"),
    ("/data/5.jpg", b"x"),
    ("data/../data/6.jpg", b"x"),
    ("data\\7.jpg", b"x"),
]
PARTS = st.sampled_from(
    ["data", "data/", "..", ".", "", "/", "\\", "1.jpg", "\u00b2.jpg", "\u0663.jpg", "9" * 5000, "x"]
)
NAMES = st.one_of(st.lists(PARTS, max_size=4).map("/".join), st.text(max_size=10))


def all_of(place: Members, folders: tuple[str, ...] = ("data", "")) -> dict[str, bytes]:
    """All that any data set would find in a place, by full name."""
    found: dict[str, bytes] = {}
    for pattern in PATTERNS:
        names = place.matching(folders, pattern).values()
        found |= dict(place.read(list(names), LIMIT))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archives")


class TestMembers:
    @given(names=st.lists(NAMES, max_size=4))
    @example(names=["./data/1.jpg"])
    @example(names=["data/\u00b2.jpg", "data/1\u00b2.jpg"])
    @example(names=[f"data/{'9' * 5000}.jpg", "data/1.jpg"])
    @example(names=["data/1.jpg", "./data/1.jpg"])
    def test_of_any_name_are_read_or_refused(self, folder: Path, names: list[str]) -> None:
        files = [(name.encode("utf-8", "replace").decode(), b"x") for name in names if name]
        with warnings.catch_warnings(), refusing(UserError, folder):
            warnings.simplefilter("ignore", UserWarning)
            of_zip = all_of(Zip(write_zip(folder / "names.zip", files)))
            assert set(of_zip.values()) <= {b"x"}
        with refusing(UserError, folder):
            assert set(all_of(TarGz(write_tar(folder / "names.tar.gz", files))).values()) <= {b"x"}

    @given(data=st.data())
    def test_of_an_altered_archive_are_read_or_refused(self, folder: Path, data: st.DataObject) -> None:
        packed = data.draw(altered(write_zip(folder / "whole.zip", FILES).read_bytes()))
        (folder / "altered.zip").write_bytes(packed)
        with memory_below(64 << 20), refusing(UserError, folder):
            all_of(Zip(folder / "altered.zip"))
        whole = gzip.decompress(write_tar(folder / "whole.tar.gz", FILES).read_bytes())
        tar = data.draw(st.one_of(altered(whole[:3072]), altered(whole)))
        packed = data.draw(st.one_of(st.just(gzip.compress(tar, 1)), altered(gzip.compress(tar, 1))))
        (folder / "altered.tar.gz").write_bytes(packed)
        with memory_below(64 << 20), refusing(UserError, folder):
            all_of(TarGz(folder / "altered.tar.gz"))

    def test_that_lead_elsewhere_are_not_found(self, tmp_path: Path) -> None:
        inside = tmp_path / "some" / "folder"
        inside.mkdir(parents=True)
        places = (
            Zip(write_zip(inside / "a.zip", [*OUTWARD, *FILES])),
            TarGz(write_tar(inside / "a.tar.gz", [*OUTWARD, *FILES])),
            Folder(write_folder(inside / "a", FILES)),
        )
        for place in places:
            assert set(all_of(place, ("data",))) == {name for name, _ in FILES[:3]}
            assert list(place.matching(("data",), r"(.*)\.jpg")) == ["1", "2", "10"]
        assert not list(tmp_path.glob("**/4.jpg"))

    def test_that_are_links_or_devices_are_ignored(self, tmp_path: Path) -> None:
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)
        with tarfile.open(tmp_path / "links.tar.gz", "w:gz") as archive:
            for i, kind in enumerate(kinds):
                entry = tarfile.TarInfo(f"data/{i}.jpg")
                entry.type, entry.linkname = kind, "/etc/passwd"
                archive.addfile(entry)
        assert all_of(TarGz(tmp_path / "links.tar.gz")) == {}

    @pytest.mark.parametrize("kind", [Zip, TarGz])
    def test_that_are_repeated_are_refused(self, tmp_path: Path, kind: type[Members]) -> None:
        path = tmp_path / "twice"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            (write_zip if kind is Zip else write_tar)(path, [*FILES, FILES[0]])
        with pytest.raises(UserError, match=r"it contains data/1\.jpg twice"):
            all_of(kind(path))

    @pytest.mark.parametrize("kind", [Zip, TarGz])
    def test_that_unpack_to_gigabytes_are_refused_before(self, tmp_path: Path, kind: type[Members]) -> None:
        path, size = tmp_path / "bomb", 64 << 20
        if kind is Zip:
            with (
                zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
                archive.open("1.jpg", "w") as file,
            ):
                for _ in range(size >> 20):
                    file.write(bytes(1 << 20))
        else:
            entry = tarfile.TarInfo("1.jpg")
            entry.size = size
            self.squeeze(path, entry.tobuf(), size)
        assert path.stat().st_size < size / 100
        with memory_below(16 << 20), pytest.raises(UserError, match="more than"):
            all_of(kind(path))

    @pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
    def test_headers_that_unpack_to_gigabytes_are_refused_before(self, tmp_path: Path, kind: bytes) -> None:
        entry = tarfile.TarInfo("header")
        entry.type, entry.size = kind, 64 << 20
        self.squeeze(tmp_path / "bomb.tar.gz", entry.tobuf(), entry.size)
        with memory_below(16 << 20), pytest.raises(UserError, match="header of more than"):
            all_of(TarGz(tmp_path / "bomb.tar.gz"))

    def test_sparse_ones_and_too_many_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = tarfile.TarInfo("1.jpg")
        entry.type = tarfile.GNUTYPE_SPARSE
        (tmp_path / "sparse.tar.gz").write_bytes(gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
        with pytest.raises(UserError, match="sparse"):
            all_of(TarGz(tmp_path / "sparse.tar.gz"))
        monkeypatch.setattr(archives, "MOST_ENTRIES", 2)
        with pytest.raises(UserError, match="more than 2 entries"):
            all_of(TarGz(write_tar(tmp_path / "many.tar.gz", FILES)))

    @pytest.mark.parametrize("way", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
    def test_compressed_in_another_way_are_refused(self, tmp_path: Path, way: int) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w", way) as archive:
            archive.writestr("1.jpg", b"x")
        with pytest.raises(UserError, match="its compression is not deflate"):
            all_of(Zip(tmp_path / "a.zip"))

    def squeeze(self, path: Path, header: bytes, size: int) -> None:
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(header)
            for _ in range(size >> 20):
                file.write(bytes(1 << 20))
            file.write(bytes(1024))


RAFD = r"Rafd[0-9]{3}_[0-9]{2}_\w+_(fe)?male_\w+_\w+\.jpg"


class TestNames:
    @given(name=st.text(max_size=40) | st.from_regex(RAFD, fullmatch=True))
    def test_of_rafd_are_read_or_refused(self, name: str) -> None:
        with refusing(UserError, Path(name or ".")):
            values = _fields(name, name)
            texts = [FIELDS[field][value] for field, value in zip(FIELDS, values, strict=True)]
            assert name == f"Rafd{'_'.join(texts)}.jpg"

    @given(fields=st.tuples(*(st.sampled_from(texts) for texts in FIELDS.values())))
    def test_of_rafd_give_the_fields_they_were_made_of(self, fields: tuple[str, ...]) -> None:
        values = _fields(f"Rafd{'_'.join(fields)}.jpg", "here")
        assert tuple(FIELDS[field][value] for field, value in zip(FIELDS, values, strict=True)) == fields

    @given(names=st.lists(st.text(max_size=12), max_size=6))
    @example(names=["\u00b2", "1", "a\u00b2"])
    @example(names=["9" * 5000, "1"])
    def test_any_names_have_an_order(self, names: list[str]) -> None:
        assert sorted(sorted(names), key=archives._natural) == sorted(
            sorted(names)[::-1], key=lambda n: (archives._natural(n), n)
        )

    @given(numbers=st.lists(st.integers(0, 10**6), unique=True))
    def test_numbers_in_names_are_in_the_order_of_their_values(self, numbers: list[int]) -> None:
        names = sorted((f"car_{n}_mesh" for n in numbers), key=archives._natural)
        assert names == [f"car_{n}_mesh" for n in sorted(numbers)]


class TestLists:
    @given(
        content=st.one_of(
            st.binary(max_size=60),
            altered(listing(RANGES)),
            st.from_regex(rb"\Aperson[0-9]{2}_\w+\s+frames\s+[0-9, -]*\Z"),
        )
    )
    @example(content=b"person01_boxing_d1 frames " + b"1-9999," * 20_000)
    @example(content="person01_boxing_d1 frames 1-\u0663".encode())
    def test_of_sequences_are_read_or_refused(self, folder: Path, content: bytes) -> None:
        file = folder / "00sequences.txt"
        file.write_bytes(content)
        with refusing(UserError, file):
            for values in sequences(file).values():
                assert len(values) < 10_000
                assert not len(values) or values.min() >= 0

    @given(
        content=st.one_of(
            st.binary(max_size=60),
            altered(b"1.jpg 7\n2.jpg 8\n"),
            st.integers().map(lambda number: f"1.jpg {number}\n2.jpg 0\n".encode()),
        ),
        with_header=st.booleans(),
    )
    @example(content=b"1.jpg 99999999999999999999\n2.jpg 1\n", with_header=True)
    @example(content=b"1.jpg " + b"9" * 5000 + b"\n2.jpg 1\n", with_header=True)
    def test_of_celeba_are_read_or_refused(self, folder: Path, content: bytes, with_header: bool) -> None:
        file = folder / "identity_CelebA.txt"
        file.write_bytes(content)
        with refusing(UserError, file):
            found = _listed(file, ["1.jpg", "2.jpg"], ["identity"] if with_header else None)
            assert all(values.dtype == np.int64 and len(values) == 2 for values in found.values())

    def test_that_are_endless_are_refused(self, tmp_path: Path) -> None:
        for name, read in (("a.txt", sequences), ("b.txt", lambda path: _listed(path, [], ["identity"]))):
            with (tmp_path / name).open("wb") as file:
                file.truncate(1 << 32)
            with memory_below(256 << 20), pytest.raises(UserError, match="more than"):
                read(tmp_path / name)


TABLE = matrix(np.arange(12, dtype=np.int32).reshape(3, 4))
NUMBERS = (0x1E3D4C54, 0x1E3D4C55, 0, 1, 2, 3, 4, -1, 2**31 - 1, -(2**31))


class TestHeaders:
    @given(
        content=st.one_of(
            altered(TABLE),
            st.lists(st.sampled_from(NUMBERS), max_size=7).map(lambda n: np.array(n, "<i4").tobytes()),
        ),
        zipped=st.booleans(),
    )
    def test_of_norb_are_read_or_refused(self, folder: Path, content: bytes, zipped: bool) -> None:
        file = folder / ("table.mat.gz" if zipped else "table.mat")
        file.write_bytes(gzip.compress(content, 1) if zipped else content)
        with memory_below(16 << 20), refusing(UserError, file):
            assert smallnorb.matrix(file, (4,), 24_300).shape[1:] == (4,)

    @given(data=st.data())
    def test_of_an_altered_gzip_are_read_or_refused(self, folder: Path, data: st.DataObject) -> None:
        file = folder / "altered.mat.gz"
        file.write_bytes(data.draw(altered(gzip.compress(TABLE, mtime=0))))
        with memory_below(16 << 20), refusing(UserError, file):
            assert smallnorb.matrix(file, (4,), 24_300).tolist() == np.arange(12).reshape(3, 4).tolist()

    @given(data=st.data())
    def test_of_cars_are_read_or_refused(self, data: st.DataObject) -> None:
        content = data.draw(
            st.one_of(*(altered(car[:400]) for car in CARS), *(altered(car) for car in SMALL))
        )
        with memory_below(64 << 20), refusing(UserError, Path("car_1_mesh.mat")):
            _mesh(content, Path("car_1_mesh.mat"))

    def test_of_cars_that_claim_another_shape_are_refused_before(self) -> None:
        assert np.prod(SHAPE) < 8 << 20
        claim = CARS[0].replace(np.array(SHAPE, "<i4").tobytes(), np.array((1 << 15,) * 5, "<i4").tobytes())
        packed = zlib.compress(claim[128:])
        squeezed = claim[:128] + struct.pack("<II", MI_COMPRESSED, len(packed)) + packed
        for content in (claim, squeezed):
            with memory_below(32 << 20), pytest.raises(UserError, match=r"car\.mat"):
                _mesh(content, Path("car.mat"))

    @given(content=st.one_of(st.binary(max_size=40), altered(avi([10, 200, 90]))))
    def test_of_videos_are_read_or_refused(self, content: bytes) -> None:
        with refusing(UserError, Path("video.avi")):
            assert frames(content, Path("video.avi"), (160, 120), np.array([1, 2])).shape == (2, 1, 120, 160)


MI_COMPRESSED = 15
"""MATLAB's tag of a compressed element."""
CARS = [mat(0, compressed=False), mat(1)]
SMALL = [car for car in CARS if len(car) < 1 << 20]
