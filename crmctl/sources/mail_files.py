"""Mail in files: single messages (.eml), mbox files such as Google Takeout's, Maildir folders.

Everything is gone through twice: the headers tell which threads a customer is in, then those messages are read whole.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Rejected
from crmctl.model.text import one_line
from crmctl.sources import mail_mbox
from crmctl.sources.mail_header import line
from crmctl.sources.mail_imap_wire import from_utf7
from crmctl.sources.mail_mbox import HEAD, Piece
from crmctl.sources.mail_message import Message, header_part, parse, parse_headers
from crmctl.sources.mail_records import SYSTEM, side, to_records
from crmctl.sources.mail_selection import Doubles, Selection, Verdict
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import EmailSettings

_MESSAGES = frozenset({".eml"})
_BOXES = frozenset({".mbox", ".mbx", ".mbs"})
_UNREADABLE = {
    ".msg": "is Outlook's own format; save it as .eml",
    ".pst": "is Outlook's own format; export it as mbox or .eml",
    ".ost": "is Outlook's own format; export it as mbox or .eml",
    ".zip": "is packed; unpack it and import the folder",
    ".tgz": "is packed; unpack it and import the folder",
}
_UNSENT = re.compile(
    r"(?:drafts?|entw[uü]rfe|brouillons|spam|junk|trash|papierkorb|corbeille|chats?)", re.IGNORECASE
)
_LABELS = re.compile(rb"(?im)^x-gmail-labels:((?:[^\r\n]|\r?\n[ \t])*)")
_THREAD = re.compile(rb"(?im)^x-gm-thrid:\s*(\d+)")
_INFO = re.compile(r"[:;!]2,([A-Za-z]*)$")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A message that may concern us: where it lies (``piece`` in an mbox) and what its headers say."""

    path: Path
    piece: Piece | None
    size: int
    origin: str
    message: Message
    thread: str


def read(
    path: Path,
    settings: EmailSettings,
    interest: Interest,
    *,
    own: Collection[str] = (),
    claims: Mapping[str, str] | None = None,
) -> Batch:
    """The records of all mail below ``path``, a file or a folder.

    ``own`` are addresses of ours beside our domains, ``claims`` the folders that people gave to single messages, by
    ``event:id``. CrmError if there is no mail at all; a message that cannot be read is rejected, the rest goes on.
    """
    reader = _Reader(settings, interest, own)
    selection = Selection(interest, own, claims)
    kept = []
    for one in reader.heads(path):
        selection.add(one.message, one.thread)
        if side(one.message, interest, own).engaged:
            kept.append(one)
    if not reader.met and not reader.batch.rejected:
        raise CrmError(
            f"{path} holds no mail: give an .eml or mbox file, a Maildir, or a folder of such"
        )
    for one in kept:
        reader.take(one, selection.verdict(one.message))
    return reader.batch


class _Reader:
    def __init__(self, settings: EmailSettings, interest: Interest, own: Collection[str]) -> None:
        self.batch = Batch(SYSTEM, partial=True)
        self.met = 0
        self._settings, self._interest, self._own = settings, interest, own
        self._limit = settings.size_limit << 20
        self._doubles = Doubles(interest, own)

    def heads(self, path: Path) -> Iterator[_Kept]:
        """The headers of each message, in the order of the files' names."""
        for file, origin in _files(path):
            try:
                yield from self._heads_in(file, origin, named=file == path)
            except OSError as error:
                self.batch.rejected.append(Rejected(origin, f"cannot be read: {error.strerror}"))

    def take(self, one: _Kept, verdict: Verdict) -> None:
        """Add the records of a message, read whole if it is worth it."""
        if not verdict.whole and not verdict.waits:
            return
        message = one.message
        if (verdict.whole or message.made_up) and one.size <= self._limit:
            try:
                message = parse(self._whole(one))
            except ValueError as error:
                self.batch.rejected.append(Rejected(one.origin, str(error)))
                return
            except OSError as error:
                self.batch.rejected.append(
                    Rejected(one.origin, f"cannot be read: {error.strerror}")
                )
                return
        if self._doubles.first(message, verdict.account):
            self.batch.add(
                to_records(
                    message,
                    self._interest,
                    self._settings,
                    own=self._own,
                    account=verdict.account,
                    origin=one.origin,
                )
            )

    def _heads_in(self, path: Path, origin: str, *, named: bool) -> Iterator[_Kept]:
        """The messages of one file. What is no mail is passed over, unless it was ``named`` by whoever asks."""
        kind = path.suffix.lower()
        if kind in _UNREADABLE:
            self.batch.rejected.append(Rejected(origin, _UNREADABLE[kind]))
            return
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = file.read(HEAD)
            if kind not in _MESSAGES and first.removeprefix(b"\xef\xbb\xbf").startswith(b"From "):
                file.seek(0)
                for number, piece in enumerate(mail_mbox.pieces(file), start=1):
                    raw = mail_mbox.unquoted(piece.head)
                    yield from self._head(
                        raw, path, piece, piece.end - piece.start, f"{origin}:{number}"
                    )
            elif kind in _MESSAGES or named or _in_maildir(path):
                yield from self._head(first, path, None, size, origin)
            elif kind in _BOXES:
                self.batch.rejected.append(
                    Rejected(origin, "is no mbox: it does not begin with a From line")
                )

    def _head(
        self, raw: bytes, path: Path, piece: Piece | None, size: int, origin: str
    ) -> Iterator[_Kept]:
        self.met += 1
        try:
            message = parse_headers(raw, size=size)
        except ValueError as error:
            self.batch.rejected.append(Rejected(origin, str(error)))
            return
        top = header_part(raw)
        labels, thread = _LABELS.search(top), _THREAD.search(top)
        words = line(labels[1].decode("ascii", "surrogateescape")).split(",") if labels else ()
        if not any(_UNSENT.fullmatch(word.strip()) for word in words):
            bare = piece._replace(head=b"") if piece is not None else None
            yield _Kept(path, bare, size, origin, message, thread[1].decode() if thread else "")

    def _whole(self, one: _Kept) -> bytes:
        with one.path.open("rb") as file:
            return (
                mail_mbox.message(file, one.piece, self._limit)
                if one.piece
                else file.read(self._limit)
            )


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """The files below a path, each with the name that reports give it; drafts and rubbish left out."""
    if not path.exists():
        raise CrmError(f"{path} does not exist")
    if not path.is_dir():
        yield path, path.name
        return
    for folder, folders, names in os.walk(path):
        # Maildir++ writes names of folders as IMAP does, with a dot before and between them.
        folders[:] = sorted(name for name in folders if name != "tmp" and not _unsent(name))
        where = Path(folder)
        for name in sorted(names):
            file = where / name
            if name.startswith((".", "dovecot", "maildirfolder")) or not _regular(file):
                continue
            if not _in_maildir(file):
                yield file, file.relative_to(path).as_posix()
                continue
            info = _INFO.search(name)
            if info is None or not set(info[1]) & {"D", "T"}:
                box = (
                    from_utf7(where.parent.relative_to(path).as_posix())
                    if where.parent != path
                    else "INBOX"
                )
                yield file, f"{box} {one_line(name.partition(':')[0], 80)}"


def _unsent(folder: str) -> bool:
    return bool(_UNSENT.fullmatch(from_utf7(folder.lstrip(".")).rpartition(".")[2]))


def _in_maildir(file: Path) -> bool:
    """Whether a file is a message of a Maildir: in ``cur`` or ``new``, beside the other one."""
    folder = file.parent
    return (
        folder.name in {"cur", "new"}
        and (folder.parent / "cur").is_dir()
        and (folder.parent / "new").is_dir()
    )


def _regular(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return False
