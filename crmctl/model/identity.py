"""Normal forms of addresses, domains, phone numbers and profiles: two spellings of one thing are equal.

The public-suffix list and the numbering plans are the copies that tldextract and phonenumbers carry: nothing is
fetched or cached on disk.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from crmctl.model.fields import DOMAIN, EMAIL

if TYPE_CHECKING:
    from tldextract import TLDExtract

_EMAIL_LIMIT = 254  # RFC 5321 4.5.3.1.3, less the angle brackets
_HOST_LIMIT = 2_083
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})  # dots before the @ mean nothing there
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/*", re.IGNORECASE)
_PHONE_LIMIT = 60
_SHORTEST_PHONE = 7  # digits, with those of the country
_PROFILE_PATH = re.compile(r"linkedin\.com(?::\d*)?/(?:mwlite/)?in/([^/?#\\]+)", re.IGNORECASE)
_MEMBER_KEY = re.compile(r"AC[ow]AA[\w-]{20,}\Z")  # in place of a chosen name; its case counts
# What people write for a country beside its name and its code.
_SPOKEN = {
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "usa": "US",
    "uae": "AE",
    "holland": "NL",
}

FREE_MAIL = frozenset(
    """126.com 163.com 21cn.com aim.com alice.it aliyun.com aol.com aol.de arcor.de att.net
bellsouth.net bigpond.com bluewin.ch bol.com.br btinternet.com charter.net chello.at comcast.net
cox.net daum.net duck.com earthlink.net email.com email.cz fastmail.com fastmail.fm foxmail.com
free.fr freemail.hu freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
hanmail.net hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it
hushmail.com icloud.com ig.com.br inbox.com inbox.lv inbox.ru interia.pl juno.com kakao.com
laposte.net libero.it list.ru live.co.uk live.com live.de live.fr live.nl mac.com mail.com
mail.de mail.ru mailbox.org me.com msn.com naver.com neuf.fr ntlworld.com o2.pl online.de
onet.pl optonline.net orange.fr outlook.com outlook.de outlook.es outlook.fr outlook.jp pm.me
posteo.de proton.me protonmail.ch protonmail.com qq.com rambler.ru rediffmail.com riseup.net
rocketmail.com rogers.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com sky.com
sohu.com sympatico.ca t-online.de talktalk.net telefonica.net telenet.be terra.com.br tiscali.it
tuta.com tuta.io tutanota.com uol.com.br verizon.net virgilio.it virginmedia.com wanadoo.fr
web.de windstream.net wp.pl ya.ru yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com
yahoo.com.au yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru yeah.net
ymail.com zoho.com zohomail.com""".split()
)


# Mailboxes that several people read: they belong to a desk, not to a person.
SHARED_MAILBOXES = frozenset(
    """abuse accounting accounts admin ap billing compliance contact dpo enquiries finance hello
help hr info invoices it jobs legal mail marketing no-reply noreply office operations orders post
postmaster press privacy procurement purchasing reception sales security service support team
webmaster""".split()
)


def is_shared_mailbox(address: str) -> bool:
    """Whether an address belongs to a desk rather than to a person, such as ``info@``."""
    return address.partition("@")[0].lower() in SHARED_MAILBOXES


@lru_cache(maxsize=65_536)
def normal_email(text: str) -> str | None:
    """The form in which two spellings of one mailbox are equal; None if ``text`` is no address.

    Lower case, without ``+tag``; without dots before the @ where the provider ignores them; an
    international domain in its ASCII form.
    """
    address = text.strip()
    if len(address) > _EMAIL_LIMIT or not EMAIL.match(address):
        return None
    local, _, host = address.lower().rpartition("@")
    ascii_host = _ascii(host)
    if ascii_host is None:
        return None
    local = local.partition("+")[0] or local
    if ascii_host in _DOTLESS:
        local = local.replace(".", "") or local
    return f"{local}@{ascii_host}"


def email_domain(text: str) -> str | None:
    """The registrable domain of an e-mail address; None if it is none."""
    address = normal_email(text)
    return registrable_domain(address.rpartition("@")[2]) if address else None


@lru_cache(maxsize=65_536)
def registrable_domain(host_or_url: str) -> str | None:
    """The domain a company registered, such as ``acme.co.uk`` of ``https://www.acme.co.uk/shop``.

    Lower case and ASCII. None for an address, a bare suffix, a name without a dot, or no host at
    all. Hosting platforms count as suffixes (``acme.github.io`` is Acme's, ``github.io`` nobody's);
    a top-level domain nobody knows, such as ``.example``, counts as one.
    """
    return _registrable(_host(host_or_url)) if len(host_or_url) <= _HOST_LIMIT else None


def is_free_mail(domain: str, extra: Collection[str] = ()) -> bool:
    """Whether anybody can have a mailbox there, so that the domain names no company."""
    return domain.lower() in FREE_MAIL or domain.lower() in extra


def normal_phone(text: str, country: str) -> str | None:
    """A phone number as ``+442079460001`` (E.164), an extension left out; None if that is not certain.

    ``country`` is where the number is at home, by name or by its code of two letters. Without one only a number
    that begins with ``+`` or ``00`` has this form.
    """
    import phonenumbers

    text = text.strip()
    region = country_code(country)
    if len(text) > _PHONE_LIMIT or not text:
        return None
    if text.startswith("00") and region is None:
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    found = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return found if len(found) > _SHORTEST_PHONE else None


@lru_cache(maxsize=1024)
def country_code(country: str) -> str | None:
    """The code of two letters of a country, by that code or by its name in any language; None if it is none."""
    import phonenumbers

    name = " ".join(country.replace(".", "").casefold().split())
    code = _SPOKEN.get(name) or name.upper()
    if code in phonenumbers.SUPPORTED_REGIONS:
        return code
    return _countries().get(name) if name else None


@lru_cache(maxsize=65_536)
def normal_profile(text: str) -> str | None:
    """The member's own part of the address of a LinkedIn profile, such as ``bo-berg-7a535b11``; None if it is none.

    Lower case and decoded, unless it holds something unseen. The language behind it, the host of a country and a
    query do not count. An address inside Sales Navigator is no profile's.
    """
    address = text.strip()
    if len(address) > _HOST_LIMIT or registrable_domain(address) != "linkedin.com":
        return None
    found = _PROFILE_PATH.search(re.split(r"[?#]", address, maxsplit=1)[0])
    if found is None:
        return None
    name = unicodedata.normalize("NFC", unquote(found[1]))
    if not name.isprintable() or not {" ", "/", "%"}.isdisjoint(name):
        name = quote(name, safe="")
    return name if _MEMBER_KEY.match(name) else name.lower()


def profile_url(profile: str) -> str:
    """The address of a LinkedIn profile from its `normal_profile`."""
    return f"https://www.linkedin.com/in/{quote(profile, safe='%')}"


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, str]:
    """The codes of countries by their names in all languages; a name that two of them have is left out."""
    from phonenumbers.geodata.locale import LOCALE_DATA

    found: dict[str, str] = {}
    twice = set()
    for code, names in LOCALE_DATA.items():
        for name in names.values():
            key = name.casefold()
            if found.setdefault(key, code) != code:
                twice.add(key)
    return {name: code for name, code in found.items() if name not in twice and name[0] != "*"}


def _host(text: str) -> str:
    rest = text.strip()
    if "://" in rest or rest.startswith("//"):
        rest = _SCHEME.sub("", rest, count=1).lstrip("/")
    rest = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    return re.sub(r":\d*\Z", "", rest).rstrip(".").lower()


def _registrable(host: str) -> str | None:
    name = _ascii(host)
    if name is None or "." not in name or _is_address(name) or not DOMAIN.match(name):
        return None
    found = _extractor()(name)
    if found.suffix:
        return f"{found.domain}.{found.suffix}" if found.domain else None
    return ".".join(name.rsplit(".", 2)[-2:])


def _ascii(host: str) -> str | None:
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _extractor() -> TLDExtract:
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
