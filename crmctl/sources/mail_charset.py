"""Bytes of a message as text, whatever charset it names: mail lies about its charset, or names none."""

from __future__ import annotations

import codecs
import re

_MEANT = {
    "": "",
    "ansi_x3.4-1968": "ascii",
    "cp-850": "cp850",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "utf-8mb4": "utf-8",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "iso-8859-8-i": "iso-8859-8",
}
"""Names that mail uses, and the codec that reads what is really sent under them."""

# What may decode a stranger's bytes: codecs of character sets, none that run in more than linear time or do tricks.
_CHARSET = re.compile(
    r"ascii|utf-(?:7|8|8-sig|16|16-le|16-be|32|32-le|32-be)|iso8859-\d+|cp\d+|koi8-[rtu]|gb18030|hz|big5|big5hkscs"
    r"|euc_(?:jp|jis_2004|jisx0213|kr)|iso2022_\w+|shift_jis\w*|johab|mac-\w+|tis-620|kz1048|ptcp154"
)
_WESTERN = frozenset({"ascii", "iso8859-1"})
_UNPAIRED = re.compile("[\ud800-\udfff]")


def decoded(raw: bytes, charset: str = "") -> str:
    """The text of ``raw``; never fails, and never gives a lone surrogate.

    The charset is believed as far as the bytes bear it out: what is called Latin-1 is read as Windows-1252, what
    is called UTF-8 and is not as Windows-1252 too, what has no name or an unknown one as whatever fits.
    """
    codec = _codec(charset)
    if codec in {"", "ascii", "utf-8"}:
        return _sniffed(raw)
    if codec == "iso8859-1":
        return _windows(raw)
    try:
        text = raw.decode(codec)
    except (UnicodeError, ValueError):
        text = raw.decode(codec, "replace")
        if text.count("\ufffd") > len(text) // 10:
            text = _sniffed(raw)
    return _UNPAIRED.sub("\ufffd", text)


def _codec(charset: str) -> str:
    """The codec to use: "" if the name says nothing."""
    name = charset.strip().strip("\"'").lower()
    try:
        found = codecs.lookup(_MEANT.get(name, name)).name if name.isascii() and name else ""
    except (LookupError, ValueError):
        return ""
    return found if _CHARSET.fullmatch(found) else ""


def _sniffed(raw: bytes) -> str:
    """UTF-8 if it is that, or would be but for a broken place; else Windows-1252."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("utf-8-sig", "replace")
        broken = text.count("\ufffd")
        whole = sum(1 for letter in text if letter > "\x7f") - broken
        return text if whole > broken else _windows(raw)


def _windows(raw: bytes) -> str:
    return raw.decode("cp1252", "replace")
