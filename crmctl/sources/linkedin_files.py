"""What people download from LinkedIn, or gather around it, as files: archives, packed or unpacked, and single tables.

``read`` takes a ZIP, a folder or one file. What a file is shows in its columns, not in its name; what crmctl has no use
for is passed over. Nothing is ever unpacked to disk.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Rejected
from crmctl.model.text import one_line
from crmctl.sources import (
    csv_table,
    linkedin_connections,
    linkedin_messages,
    linkedin_navigator,
    linkedin_tables,
    linkedin_updates,
)
from crmctl.sources.archives import UNREADABLE
from crmctl.sources.linkedin_connections import SYSTEM
from crmctl.sources.linkedin_tables import Entry, Sheet
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import LinkedInSettings

MAX_FILES = 20_000
MAX_UNPACKED = 1 << 30  # bytes of tables that one archive may hold
_PEEK = 64 << 10
_CHUNK = 1 << 20
_ENDINGS = (".csv", ".json")
# Talks with the platform's own assistants, in the same columns as those with people.
_ASSISTANTS = frozenset({"guidemessages", "learningcoachmessages", "learningroleplaymessages"})
_NAMED_DAY = re.compile(r"_(\d{2})-(\d{2})-(\d{4})\b")
_ENCRYPTED = 1  # the bit of a ZIP that says so


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files that came together: an archive, or the tables of one folder. ``stamp`` is their day, "" if unknown."""

    name: str
    files: tuple[Path, ...]
    stamp: str

    def digest(self) -> str:
        """What tells these files from all others, whatever they are called. CrmError if one cannot be read."""
        parts = sorted(map(_digest, self.files))
        return sha256("".join(parts).encode()).hexdigest()[:16]


def read(path: Path, settings: LinkedInSettings, interest: Interest, now: dt.datetime) -> Batch:
    """All that a ZIP, a folder or a file says. CrmError if there is nothing in it that crmctl knows."""
    batch = Batch(SYSTEM)
    known = False
    for bundle in bundles(path):
        found = read_bundle(bundle, settings, interest, now)
        known |= found is not None
        batch.add(found or Batch(SYSTEM))
    if not known:
        raise CrmError(_unknown(path))
    if batch.rejected and not batch.records:
        # Not one thing could be read: that is no empty archive.
        raise CrmError("; ".join(f"{wrong.origin} {wrong.reason}" for wrong in batch.rejected[:3]))
    return batch


def bundles(path: Path) -> list[Bundle]:
    """What lies at ``path``, the oldest first."""
    if not path.is_dir():
        return [_bundle(path)]
    found: list[Bundle] = []
    count = 0
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        files = [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
        files = [file for file in files if file.is_file() and not file.is_symlink()]
        count += len(files)
        if count > MAX_FILES:
            raise CrmError(
                f"{one_line(str(path))} has more than {MAX_FILES} files: is it the folder you mean?"
            )
        tables = tuple(file for file in files if file.suffix.lower() in _ENDINGS)
        if tables:
            found.append(Bundle(Path(folder).name, tables, _named_day(Path(folder).name)))
        found += [_bundle(file) for file in files if file.suffix.lower() == ".zip"]
    return sorted(found, key=lambda bundle: (bundle.stamp, bundle.name, bundle.files))


def read_bundle(
    bundle: Bundle,
    settings: LinkedInSettings,
    interest: Interest,
    now: dt.datetime,
    since: dt.datetime | None = None,
) -> Batch | None:
    """What one bundle says, messages from ``since`` on; None if it holds nothing that crmctl knows."""
    batch = Batch(SYSTEM)
    sheets: dict[str, list[Sheet]] = {}
    for name, raw in _tables(bundle, batch.rejected):
        try:
            sheet = _sheet(name, raw)
        except CrmError as error:
            batch.rejected.append(Rejected(name, str(error)))
            continue
        if sheet is not None:
            sheets.setdefault(sheet.shape.name, []).append(sheet)
    if not sheets and not batch.rejected:
        return None
    for sheet in sheets.get("connections", ()):
        batch.add(linkedin_connections.to_batch(sheet, bundle.stamp, settings, interest, now))
    for sheet in sheets.get("leads", ()):
        batch.add(linkedin_navigator.to_batch(sheet, settings, interest))
    owner = linkedin_messages.Owner(_entries(sheets, "profile"), _entries(sheets, "addresses"))
    told = {record.id for record in batch.records}
    for sheet in sheets.get("messages", ()):
        found = linkedin_messages.to_batch(sheet, owner, settings, now, since)
        found.records = [r for r in found.records if r.kind != "contact" or r.id not in told]
        batch.add(found)
    for sheet in sheets.get("updates", ()):
        batch.add(linkedin_updates.to_batch(sheet, settings, now))
    return batch


def _entries(sheets: dict[str, list[Sheet]], shape: str) -> list[Entry]:
    return [entry for sheet in sheets.get(shape, ()) for entry in sheet.entries]


def _sheet(name: str, raw: bytes) -> Sheet | None:
    if linkedin_tables.key_of(Path(name).stem) in _ASSISTANTS:
        return None
    if name.lower().endswith(".json"):
        return linkedin_updates.from_json(raw, name)
    return linkedin_tables.read(raw, name)


def _bundle(file: Path) -> Bundle:
    stamp = _named_day(file.name)
    if not stamp and _is_zip(file):
        stamp = _packed_day(file)
    return Bundle(file.name, (file,), stamp)


def _named_day(name: str) -> str:
    """The day in the name that LinkedIn gives an archive, ISO."""
    match = _NAMED_DAY.search(name)
    return f"{match[3]}-{match[1]}-{match[2]}" if match else ""


def _packed_day(file: Path) -> str:
    """The day of the newest table in an archive; "" if it was packed by a tool that says none."""
    try:
        with zipfile.ZipFile(file) as archive:
            days = [
                info.date_time[:3]
                for info in archive.infolist()[:MAX_FILES]
                if _is_table(info.filename)
            ]
    except UNREADABLE:
        return ""
    newest = max(days, default=(1980, 1, 1))
    return "" if newest == (1980, 1, 1) else "{:04}-{:02}-{:02}".format(*newest)


def _is_zip(file: Path) -> bool:
    try:
        return zipfile.is_zipfile(file)
    except OSError:
        return False


def _is_table(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) and not re.search(r"(?:\A|/)(?:\.|__MACOSX/)", name)


def _tables(bundle: Bundle, rejected: list[Rejected]) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each table in a bundle that may be one of ours."""
    for file in bundle.files:
        if not _is_zip(file) and file.suffix.lower() != ".zip":
            yield file.name, csv_table.read_bytes(file)
            continue
        try:
            with zipfile.ZipFile(file) as archive:
                yield from _packed(archive, file.name, rejected)
        except OSError as error:
            rejected.append(Rejected(file.name, f"cannot be read ({_reason(error)})"))
        except UNREADABLE as error:
            reason = f"is a damaged archive ({_reason(error)}): download it again"
            rejected.append(Rejected(file.name, reason))


def _packed(
    archive: zipfile.ZipFile, name: str, rejected: list[Rejected]
) -> Iterator[tuple[str, bytes]]:
    """Tables of an archive, read in memory: the names in it lead nowhere, and its own word on sizes counts nothing."""
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise CrmError(
            f"{one_line(name)} has more than {MAX_FILES} files: is it an archive of LinkedIn?"
        )
    left = MAX_UNPACKED
    for info in infos:
        if not _is_table(info.filename):
            continue
        origin = f"{name}/{one_line(info.filename.rpartition('/')[2], 100)}"
        if info.flag_bits & _ENCRYPTED:
            rejected.append(
                Rejected(origin, "is encrypted: unpack the archive and read the folder")
            )
            continue
        try:
            with archive.open(info) as stream:
                raw = _ours(stream, info.filename, min(left, csv_table.MAX_BYTES))
        except UNREADABLE as error:
            rejected.append(Rejected(origin, f"cannot be unpacked ({_reason(error)})"))
            continue
        if raw is None:
            raise CrmError(
                f"{one_line(origin)} unpacks to more than an archive may hold: read it by itself"
            )
        left -= len(raw)
        if raw:
            yield origin, raw


def _ours(stream: IO[bytes], name: str, limit: int) -> bytes | None:
    """The bytes of a table that is one of ours, b"" for another, None for more than ``limit``."""
    raw = stream.read(_PEEK)
    if not name.lower().endswith(".json") and linkedin_tables.shape_of(raw) is None:
        return b""
    parts = [raw]
    size = len(raw)
    while size <= limit and (part := stream.read(_CHUNK)):
        parts.append(part)
        size += len(part)
    return b"".join(parts) if size <= limit else None


def _reason(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return one_line(text or type(error).__name__, 100)


def _digest(file: Path) -> str:
    found = sha256()
    try:
        with closing(file.open("rb")) as stream:
            while part := stream.read(_CHUNK):
                found.update(part)
    except OSError as error:
        raise CrmError(f"{one_line(str(file))} cannot be read ({error.strerror})") from None
    return found.hexdigest()


def _unknown(path: Path) -> str:
    """Why nothing could be read, with the columns of a single table."""
    name = one_line(path.name)
    wanted = "Connections.csv, messages.csv, a list of leads, or updates of companies"
    if path.is_dir() or _is_zip(path):
        return f"{name} holds no table of LinkedIn that crmctl reads ({wanted}): download your archive again"
    found = (
        linkedin_tables.columns(csv_table.read_bytes(path))
        if path.suffix.lower() != ".json"
        else ""
    )
    columns = f"its columns are {found}" if found else "it has no columns"
    return f"{name} is no table of LinkedIn that crmctl reads ({wanted}); {columns}"
