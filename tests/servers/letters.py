"""Letters that the doubles of mailboxes hold: what they say, and the bytes in which they travel."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import format_datetime

from tests.live.harness import ACCOUNTS

Person = tuple[str, str]  # name, address
ANA: Person = ("Ana Ruiz", "ana@ours.example")
START = dt.datetime(2026, 9, 1, 9, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Letter:
    """One message. ``id`` is its Message-ID without brackets, "" for none; ``more`` are further headers."""

    id: str
    sender: Person
    to: tuple[Person, ...]
    subject: str
    text: str
    at: dt.datetime
    references: tuple[str, ...] = ()
    cc: tuple[Person, ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    attachment: bytes = field(default=b"", repr=False)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers as they travel: words outside of ASCII encoded."""
        rows = [
            ("Message-ID", f"<{self.id}>" if self.id else ""),
            ("In-Reply-To", f"<{self.references[-1]}>" if self.references else ""),
            ("References", " ".join(f"<{one}>" for one in self.references)),
            ("From", written(self.sender)),
            ("To", ", ".join(map(written, self.to))),
            ("Cc", ", ".join(map(written, self.cc))),
            ("Subject", encoded(self.subject)),
            ("Date", format_datetime(self.at)),
            *self.more,
        ]
        return [(name, value) for name, value in rows if value]

    @property
    def raw(self) -> bytes:
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        plain = base64.encodebytes(sound(self.text).encode()).decode().replace("\n", "\r\n")
        part = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{plain}"
        if not self.attachment:
            return f"{head}MIME-Version: 1.0\r\n{part}".encode()
        data = base64.encodebytes(self.attachment).decode().replace("\n", "\r\n")
        return (
            f"{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n"
            f"--edge\r\n{part}\r\n--edge\r\n"
            'Content-Type: application/pdf; name="plan.pdf"\r\nContent-Disposition: attachment\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{data}\r\n--edge--\r\n"
        ).encode()


def sound(text: str) -> str:
    """Text that can be sent: two halves of one letter joined, a lone half replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def encoded(text: str) -> str:
    """A header's words as they travel."""
    text = sound(text)
    if text.isascii() and text.isprintable():
        return text
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="


def written(person: Person) -> str:
    """A person in a header."""
    name, address = person
    plain = name.isascii() and name.replace(" ", "").isalnum()
    return f"{name if plain else encoded(name)} <{address}>" if name else address


def customers(count: int) -> Iterator[Letter]:
    """Letters to and from customers, the same ones each time, in threads of four."""
    homes = list(ACCOUNTS.values())
    for number in range(count):
        thread, place = divmod(number, 4)
        name, domain = homes[thread % 3]
        kim = (f"Kim of {name.split()[0]}", f"kim@{domain}")
        sender, to = (kim, ANA) if number % 2 == 0 else (ANA, kim)
        ids = [f"{thread}.{before}@{domain}" for before in range(place + 1)]
        step = dt.timedelta(seconds=max(1, min(6 * 3600, 5_000_000 // max(1, count))))
        yield Letter(
            ids[-1],
            sender,
            (to,),
            f"{'Re: ' if place else ''}Order {thread}",
            f"Word {number} of ours.\n\n> what was said before",
            START + number * step,
            tuple(ids[:-1]),
        )


def others() -> Iterator[Letter]:
    """Letters that are no customer's: a stranger's, a newsletter, one among ourselves, an automatic answer."""
    stranger = ("Sam Stone", "sam@quarry.example")
    tom = ("Tom Adeyemi", "tom@ours.example")
    at = START + dt.timedelta(days=1)
    yield Letter("s1@quarry.example", stranger, (ANA,), "Our offer", "Buy stone.", at)
    yield Letter(
        "n1@news.example",
        ("News", "hello@news.example"),
        (ANA,),
        "Ten tips",
        "Tips.",
        at + dt.timedelta(hours=1),
        more=(("List-Unsubscribe", "<https://news.example/u>"),),
    )
    yield Letter("o1@ours.example", tom, (ANA,), "Lunch", "At one?", at + dt.timedelta(hours=2))
    yield Letter(
        "a1@nordlicht.example",
        ("Kim", "kim@nordlicht.example"),
        (ANA,),
        "Away",
        "I am away.",
        at + dt.timedelta(hours=3),
        more=(("Auto-Submitted", "auto-replied"),),
    )


def sample() -> Iterator[Letter]:
    """Half a year of letters to look at."""
    yield from customers(48)
    yield from others()
