"""Normal forms of e-mail addresses and domains: two spellings of one mailbox or company are equal.

The public-suffix list is the copy that tldextract carries: nothing is fetched or cached on disk.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING

from crmctl.model.fields import DOMAIN, EMAIL

if TYPE_CHECKING:
    from tldextract import TLDExtract

_EMAIL_LIMIT = 254  # RFC 5321 4.5.3.1.3, less the angle brackets
_HOST_LIMIT = 2_083
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})  # dots before the @ mean nothing there
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/*", re.IGNORECASE)

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
