"""What reading a ZIP file from outside can raise."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
)
"""Damaged, encrypted and odd archives. A password that is missing and a way to pack that nobody knows are both a
RuntimeError."""
