"""What somebody newly wrote in a message: without what it quotes, without the signature.

Lines are judged one by one, so that a hostile message takes no longer than its length.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LONGEST_LINE = 1000  # characters of a line worth looking at
_MOST_ROWS = 20_000  # lines of a message worth looking at

_ORIGINAL = re.compile(
    r"[-_=*]{2,}\s*(?:original[ -]?(?:message|appointment)|forwarded message|begin forwarded message"
    r"|urspr(?:ü|ue)ngliche (?:nachricht|e-?mail)|originalnachricht|weitergeleitete nachricht"
    r"|message (?:d'origine|d’origine|original|transf[ée]r[ée])|mensaje (?:original|reenviado)"
    r"|mensagem (?:original|encaminhada)|messaggio (?:originale|inoltrato)"
    r"|oorspronkelijk bericht|doorgestuurd bericht|(?:urspr|oppr|opr)\w{4,12} (?:meddelande|melding|meddelelse)"
    r"|пересылаемое сообщение|исходное сообщение|原始邮件|邮件原件|元のメッセージ)\s*[-_=*]{2,}",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-?mail))\s*:",
    re.IGNORECASE,
)
_RULE = re.compile(r"_{10,}|-{20,}")
_SENDER = re.compile(
    r"\*?(?:from|von|de|da|van|från|fra|od|lähettäjä|från|от|от кого|发件人|寄件者|差出人|보낸 사람)\s*[:：]\*?\s*\S",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\*?(?:sent|date|to|cc|subject|gesendet|datum|an|kopie|betreff|envoyé|à|objet|enviado(?: el| em)?|fecha|para"
    r"|asunto|assunto|data|inviato|a|oggetto|verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne|дата|кому|тема"
    r"|отправлено|发送时间|日期|收件人|主题|送信日時|宛先|件名)\s*[:：]\*?(?:\s|$)",
    re.IGNORECASE,
)
_WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|napisał\(?a?\)?|kirjoitti|írta"
    r"|написал\(?а?\)?|пишет)\b|写道|のメッセージ|님이 작성",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?:on|am|le|el|il|op|em|den|dnia|w dniu|在|ti|pe|ma|ke|to|la|su|mo|di|mi|do|fr|sa|so|\d{1,4}[./-]\d)\b|.*@",
    re.IGNORECASE,
)
_DATED = re.compile(r"\d|@")

_DEVICE = re.compile(
    r"(?:sent (?:from|via|with) |get outlook for |von meinem .{1,40} gesendet|gesendet (?:von|mit) "
    r"|envoyé (?:de|depuis) |enviado (?:desde|do|a partir do) |inviato da |verstuurd vanaf |verzonden vanaf "
    r"|skickat från |sendt fra |отправлено (?:с|из) |diese nachricht wurde von mein)",
    re.IGNORECASE,
)
_CLOSINGS = frozenset(
    """best;best regards;kind regards;warm regards;regards;many thanks;thanks;thank you;thanks and regards;cheers
sincerely;yours sincerely;yours faithfully;all the best;best wishes;br;kr;mit freundlichen grüßen
mit freundlichen gruessen;freundliche grüße;viele grüße;beste grüße;liebe grüße;herzliche grüße;mit besten grüßen
schöne grüße;gruß;grüße;mfg;vg;lg;cordialement;bien cordialement;bien à vous;cordiales salutations
meilleures salutations;un saludo;saludos;saludos cordiales;atentamente;cordiali saluti;distinti saluti;saluti
met vriendelijke groet;vriendelijke groet;groeten;atenciosamente;cumprimentos;abraços;med vänlig hälsning
vänliga hälsningar;med venlig hilsen;venlig hilsen;vennlig hilsen;mvh;hälsningar;z poważaniem;pozdrawiam
с уважением""".casefold()
    .replace("\n", ";")
    .split(";")
)
_SIGNED_LINES, _SIGNED_WIDTH = 12, 90  # a signature is no longer and no wider
_NAME_WORDS = 6


class Written(NamedTuple):
    """``text`` is what somebody wrote to be read, ``signature`` what stands below each of their mails."""

    text: str
    signature: str


def new_text(text: str) -> str:
    """A message's text without what it quotes or forwards; answers between quoted lines stay, each where it was."""
    rows = [
        row.rstrip()
        for row in text.replace("\u00a0", " ")
        .replace("\u200b", "")
        .split("\n", _MOST_ROWS)[:_MOST_ROWS]
    ]
    kept: list[str] = []
    place = 0
    while place < len(rows):
        row = rows[place].lstrip(" ")[:_LONGEST_LINE]
        if row.startswith(">"):
            place += 1
            continue
        if _ends(rows, place, row):
            break
        length = _attribution(rows, place)
        if length:
            place += length
            after = next((r.lstrip(" ") for r in rows[place:] if r.strip()), "")
            if not after.startswith(">"):
                break
            continue
        kept.append(rows[place])
        place += 1
    return spaced(kept)


def _ends(rows: list[str], place: int, row: str) -> bool:
    """Whether everything from here on is an older message."""
    if not row:
        return False
    if row[0] in "-_=*" and (_ORIGINAL.match(row) or _RULE.fullmatch(row)):
        return bool(_ORIGINAL.match(row)) or _headed(
            [r for r in rows[place + 1 : place + 4] if r], 0
        )
    return bool(_FORWARDED.match(row)) or _headed(rows, place)


def _headed(rows: list[str], place: int) -> bool:
    """Whether the headers of an older message stand here: who sent it, and two more of them right below."""
    if place >= len(rows) or not _SENDER.match(rows[place].lstrip(" ")[:_LONGEST_LINE]):
        return False
    below = [row.lstrip(" ")[:_LONGEST_LINE] for row in rows[place + 1 : place + 7]]
    return sum(1 for row in below if _FIELD.match(row)) >= 2


def _attribution(rows: list[str], place: int) -> int:
    """How many lines "On … somebody wrote:" takes here, 0 if none."""
    joined = ""
    for length, row in enumerate(rows[place : place + 4], start=1):
        if not row.strip() or row.lstrip(" ").startswith(">"):
            return 0
        joined = f"{joined} {row.strip()}".strip()[:_LONGEST_LINE]
        if length == 1 and not _LEAD.match(joined) and not joined.endswith((":", "：")):
            return 0
        if joined.endswith((":", "：")):
            told = _WROTE.search(joined) and _DATED.search(joined) and _LEAD.match(joined)
            return length if told else 0
    return 0


def signed(text: str) -> Written:
    """New text parted from its signature: behind ``-- ``, a closing formula, or what a telephone adds."""
    rows = text.split("\n")
    for place, row in enumerate(rows):
        bare = row.strip()
        if row.rstrip() in {"--", "-- ", "—"} or (
            _DEVICE.match(bare) and len(bare) < _SIGNED_WIDTH
        ):
            return _parted(rows, place)
    for place in range(max(1, len(rows) - _SIGNED_LINES), len(rows)):
        if _closes(rows[place]) and _is_name(rows[place + 1 :]) and any(rows[:place]):
            return _parted(rows, place)
    return Written(spaced(rows), "")


def _closes(row: str) -> bool:
    return row.strip(" \t,.!;-–—").casefold() in _CLOSINGS


def _is_name(below: list[str]) -> bool:
    """Whether a name can stand here and nothing but short lines after it: no sentence goes on below its "thanks"."""
    first = next((row.strip() for row in below if row.strip()), "")
    named = bool(first) and len(first.split()) <= _NAME_WORDS and first[-1] not in ".?!:"
    return named and all(len(row) <= _SIGNED_WIDTH for row in below)


def _parted(rows: list[str], place: int) -> Written:
    return Written(spaced(rows[:place]), spaced(rows[place:]))


def spaced(rows: list[str]) -> str:
    """The lines as text, without blank ones at the ends or two in a row."""
    kept: list[str] = []
    for row in rows:
        bare = row.rstrip()
        if bare or (kept and kept[-1]):
            kept.append(bare)
    return "\n".join(kept).strip("\n")
