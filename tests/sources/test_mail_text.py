"""The new part of a message, its signature, HTML as text, and what a signature tells of its writer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.sources.mail_html import html_to_text
from crmctl.sources.mail_message import parse
from crmctl.sources.mail_signature import details
from crmctl.sources.mail_text import Written, new_text, signed

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "mail"


@pytest.mark.skipif(not REAL.is_dir(), reason="the folder with mail of real programs is not here")
@pytest.mark.parametrize("file", sorted(REAL.glob("*.eml")), ids=lambda file: file.stem)
def test_what_thirteen_mail_programs_made_of_hello(file: Path) -> None:
    beside = file.with_name(f"{file.stem}_reply_text")
    expected = beside.read_text() if beside.exists() else "Hello"
    found = new_text(parse(file.read_bytes()).text)
    assert found.split() == expected.split()
    assert signed(found).text == "Hello"


@pytest.mark.parametrize(
    "quote",
    [
        "On Tue, Mar 3, 2026 at 9:00 AM Ana <ana@ours.example> wrote:\n> old",
        "On Tue, Mar 3, 2026 at 9:00 AM Ana Maria Vega de la Torre\n<ana@ours.example> wrote:\n\n> old",
        "On Mar 3, 2026, at 09:00, Ana wrote:\nold without any mark",
        "Am 03.03.2026 um 09:00 schrieb Ana <ana@ours.example>:\n> old",
        "Am Di., 3. März 2026 um 09:00 Uhr schrieb Ana <\nana@ours.example>:\n\n> old",
        "Le mar. 3 mars 2026 à 09:00, Ana <ana@ours.example> a écrit :\n> old",
        "El mar, 3 mar 2026 a las 9:00, Ana (<ana@ours.example>) escribió:\n> old",
        "Il giorno mar 3 mar 2026 alle ore 09:00 Ana <ana@ours.example> ha scritto:\n> old",
        "Op di 3 mrt 2026 om 09:00 schreef Ana <ana@ours.example>:\n> old",
        "2026年3月3日(火) 9:00 Ana <ana@ours.example>のメッセージ:\n> old",
        "> old",
        "-----Original Message-----\nFrom: Ana\nSent: Tuesday\nTo: Bo\nSubject: Re\n\nold",
        "-----Ursprüngliche Nachricht-----\nVon: Ana\nold",
        "________________________________\nFrom: Ana <ana@ours.example>\nSent: Tuesday, March 3, 2026\nTo: Bo\n\nold",
        "Von: Ana <ana@ours.example>\nGesendet: Dienstag, 3. März 2026 09:00\nAn: Bo\nBetreff: Re\n\nold",
        "De : Ana <ana@ours.example>\nEnvoyé : mardi 3 mars 2026\nÀ : Bo\nObjet : Re\n\nold",
        "*From:* Ana\n*Date:* Tuesday\n*To:* Bo\n\nold",
        "---------- Forwarded message ---------\nFrom: Ana\n\nold",
        "Begin forwarded message:\n\nFrom: Ana\n\nold",
    ],
)
def test_what_is_quoted_is_not_new(quote: str) -> None:
    assert new_text(f"Fine with us.\n\nBo\n\n{quote}") == "Fine with us.\n\nBo"


@pytest.mark.parametrize(
    "text",
    [
        "On Monday we met Ana, who wrote:\nnothing at all.",
        "From: the heart\n\nThank you.",
        "From: Berlin\nTo: Lisbon\nis our route.",
        "On the agenda:\n- prices",
        "We wrote:\n- a letter",
        "a > b\n-> next",
        "Am I right?\n\nSee you on 3 March:\nAna",
        "----\nHeading\n----",
    ],
)
def test_what_only_looks_like_a_quote_stays(text: str) -> None:
    assert new_text(text) == text


def test_answers_between_quotes_stay_in_their_order() -> None:
    text = "On 3 Mar 2026, at 9:00, Ana <a@ours.example> wrote:\n> Price?\n\nToo high.\n\n> When?\nIn May."
    assert new_text(text) == "Too high.\n\nIn May."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes.\n\n-- \nBo Berg\nAcme", Written("Yes.", "--\nBo Berg\nAcme")),
        ("Yes.\n\nBest regards,\nBo Berg\nAcme", Written("Yes.", "Best regards,\nBo Berg\nAcme")),
        (
            "Ja.\n\nMit freundlichen Grüßen\n\nBo Berg",
            Written("Ja.", "Mit freundlichen Grüßen\n\nBo Berg"),
        ),
        ("Yes.\n\nSent from my iPhone", Written("Yes.", "Sent from my iPhone")),
        ("Ja.\n\nVon meinem iPhone gesendet", Written("Ja.", "Von meinem iPhone gesendet")),
        (
            "Thanks.\n\nPlease send the contract by Friday.",
            Written("Thanks.\n\nPlease send the contract by Friday.", ""),
        ),
        ("Thanks,\nBo", Written("Thanks,\nBo", "")),
        ("No signature here", Written("No signature here", "")),
        (
            "Sent from the warehouse last week, " * 4,
            Written(("Sent from the warehouse last week, " * 4).rstrip(), ""),
        ),
    ],
)
def test_the_signature_is_parted_from_the_text(text: str, expected: Written) -> None:
    assert signed(text) == expected


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("a &amp; b &lt;c&gt;&nbsp;&euro;", "a & b <c>\xa0€"),
        ("<style>p{}</style><script>x<y</script>kept<title>no</title>", "kept"),
        ("<!-- hidden --><![if !mso]>kept<![endif]>", "kept"),
        (
            '<img src="https://spy.example/x.gif" alt="">text <a href="https://x.example">link</a>',
            "text link",
        ),
        ("<ul><li>One</li><li>Two</li></ul>", "- One\n- Two"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>  a\n   b</pre>", "a\nb"),
        (
            "new<blockquote>old<blockquote>older</blockquote></blockquote>after",
            "new\n\n> old\n\n>> older\n\nafter",
        ),
        ("2 < 3 and <b>bold</b> <3", "2 < 3 and bold <3"),
        ('<a title="a > b">text</a>', "text"),
        ("<p unclosed", "<p unclosed"),
        ("<!-- unclosed", ""),
        ("<script>unclosed", ""),
        ("", ""),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert html_to_text(html).replace("\n\n\n", "\n\n") == text


def test_quotes_in_html_are_not_new() -> None:
    html = (
        "Fine.<br><div class=gmail_quote><div>On Tue, Mar 3, 2026 Ana &lt;a@o.example&gt; wrote:<br></div>"
        "<blockquote>old</blockquote></div>"
    )
    assert new_text(html_to_text(html)) == "Fine."


@pytest.mark.parametrize(
    "text",
    [
        "On " + "a " * 400_000,
        "From: x\n" * 100_000,
        ">" * 800_000,
        "-" * 800_000,
        "On 1 x\n" * 100_000,
        "On 1 wrote\n" * 100_000,
        ":\n" * 200_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    signed(new_text(text))
    assert time.process_time() - started < 3


@given(st.text(alphabet='<>/!-"p br\n&;=', max_size=80))
def test_any_html_is_read(html: str) -> None:
    found = html_to_text(html)
    assert found.encode().decode() == found


@given(st.text(alphabet="> :\n-OnwroteFm1@", max_size=120))
def test_new_text_of_new_text_is_no_longer(text: str) -> None:
    found = new_text(text)
    assert len(new_text(found)) <= len(found) <= len(text)


SIGNATURE = """--
Bo Berg
Head of Operations
Acme Tiles GmbH
Tel: +49 30 901820
Mobil: +49 1512 3456789
Fax: +49 30 9018299
bo@acme.example"""


def test_a_signature_tells_title_and_numbers() -> None:
    assert details(SIGNATURE, "Bo Berg") == {
        "title": "Head of Operations",
        "phone": "+49 30 901820",
        "mobile": "+49 1512 3456789",
    }


@pytest.mark.parametrize(
    ("signature", "name"),
    [
        (SIGNATURE, "Eve Ortiz"),
        (SIGNATURE, ""),
        ("--\nAcme Tiles\n+49 30 901820", "Bo Berg"),
        ("Best\nBo\nLisbon office", "Bo Berg"),
    ],
)
def test_a_signature_of_somebody_else_tells_nothing(signature: str, name: str) -> None:
    assert details(signature, name) == {}


@pytest.mark.parametrize(
    ("row", "title"),
    [
        ("Bo Berg | VP Finance | Acme", "VP Finance"),
        ("Bo Berg, Einkaufsleiter", ""),
        ("Bo Berg - Leiter Einkauf", "Leiter Einkauf"),
        ("Bo Berg\nmanager@acme.example", ""),
        ("Bo Berg\nDirector Software GmbH", ""),
        ("Bo Berg\nAcme Tiles", ""),
        ("Bo Berg\nmy manager will call you tomorrow about everything we discussed last week", ""),
    ],
)
def test_a_title_is_taken_only_where_it_is_one(row: str, title: str) -> None:
    assert details(row, "Bo Berg").get("title", "") == title


def test_national_numbers_are_left_alone() -> None:
    assert "phone" not in details("Bo Berg\nManager\nTel 030 901820", "Bo Berg")
