"""Names of files as text: UTF-8 or not, composed or decomposed."""

import re
import unicodedata

# Python decodes a byte that is not UTF-8, such as 0xe9, to a lone surrogate, U+DCE9, which no file takes.
ESCAPED = 0xDC00


def shown(text: str) -> str:
    r"""Return a text that can be written: a byte of a file name that is not UTF-8 becomes `\xe9`."""
    return re.sub("[\udc80-\udcff]", lambda match: f"\\x{ord(match[0]) - ESCAPED:02x}", text)


def spelled(name: str) -> str:
    r"""Return a file name as text that can be written, and that `restored` turns back; others stay different.

    A backslash that would read as part of such a byte becomes `\x5c`.
    """
    return shown(re.sub(r"\\(?=x[0-9a-f]{2})", r"\\x5c", name))


def restored(text: str) -> str:
    """Return the file name of a `spelled` text."""

    def character(match: re.Match[str]) -> str:
        byte = int(match[1], 16)
        return chr(byte if byte < 0x80 else ESCAPED + byte)

    return re.sub(r"\\x([0-9a-f]{2})", character, text)


def composed(text: str) -> str:
    """Return a text with composed characters (NFC): macOS stores `é` as two, other systems as one."""
    return unicodedata.normalize("NFC", text)
