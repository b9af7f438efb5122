"""Recognises what is often saved in place of a data file: a web page, a pointer, another format."""

import re
from pathlib import Path
from typing import NamedTuple

HEAD = 1024  # bytes that are looked at


class Kind(NamedTuple):
    """A kind of file: how to call it, a pattern of its first bytes, and what to do about it."""

    name: str
    start: bytes
    hint: str


GET, UNPACK = "Get the file again from its owners.", "Unpack it first."
ZIP = Kind("a zip archive", rb"PK(\x03\x04|\x05\x06)", UNPACK)
GZIP = Kind("compressed with gzip", rb"\x1f\x8b", UNPACK)
TAR = Kind("a tar archive", rb".{257}ustar", UNPACK)
KINDS = (
    Kind("empty", rb"\Z", GET),
    Kind(
        "an HTML page",
        rb"(?i)(\xef\xbb\xbf)?(<\?xml[^>]*>|<!--.*?-->|\s)*<(!doctype\s+html|html|head|body|script|title)\b",
        "Its site refused the download, for example because of a quota, or asks for a confirmation. Open the"
        " address in a browser, perhaps a day later, and save the file itself.",
    ),
    Kind("a Git LFS pointer", rb"version https://git-lfs", "Run `git lfs pull` in its repository."),
    Kind("a git-annex pointer", rb"/annex/objects/", "Run `git annex get` in its repository."),
    Kind(
        "a MATLAB 7.3 file (HDF5)",
        rb"MATLAB 7\.3|\x89HDF\r\n\x1a\n",
        "Save it in MATLAB with -v7, or get the official file, which is of MATLAB 5, from its owners.",
    ),
    Kind("a HEIC picture", rb".{4}ftyp(hei|hev|mif1|msf1)", "Convert it to JPEG or PNG."),
    Kind("an AVIF picture", rb".{4}ftypavi", "Convert it to JPEG or PNG."),
    *(ZIP, GZIP, TAR),
    Kind("compressed with xz", rb"\xfd7zXZ\x00", UNPACK),
    Kind("compressed with bzip2", rb"BZh[1-9]1AY&SY", UNPACK),
    Kind("a 7z archive", rb"7z\xbc\xaf\x27\x1c", UNPACK),
    Kind("a RAR archive", rb"Rar!\x1a\x07", UNPACK),
)


def kind_of(content: bytes) -> Kind | None:
    """Recognise a file by its content, of which the first `HEAD` bytes suffice; None for any other."""
    return next((kind for kind in KINDS if re.match(kind.start, content[:HEAD], re.DOTALL)), None)


def kind_of_file(path: Path) -> Kind | None:
    """Recognise a file; OSError if it cannot be read."""
    with path.open("rb") as file:
        return kind_of(file.read(HEAD))
