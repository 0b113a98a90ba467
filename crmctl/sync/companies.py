"""A company's name and its legal form, apart. Two forms are two companies, however alike their names are."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from crmctl.sync.identity import native
from crmctl.workspace.names import company_key, name_key

_SPELLED = {
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
    "pvt": "pte",
    "oyj": "oy",
}
_ANY = frozenset({"co", "company"})  # stands beside many forms and is none
_INITIALS = re.compile(r"\b(\w)\.\s?(?=\w\b)")  # S.A. and S. A. are SA
# Forms that are written to the name without a blank, and forms that stand before it as a word.
_ATTACHED = {
    "株式会社": "kk", "(株)": "kk", "有限会社": "yk", "合同会社": "gk", "股份有限公司": "plc", "有限公司": "ltd",
    "주식회사": "co", "(주)": "co",
}  # fmt: skip
_LEADING = {"ооо": "ooo", "оао": "oao", "зао": "zao", "пао": "pao", "ао": "ao", "тов": "tov"}


class Company(NamedTuple):
    """A name by its parts: the key, the legal form in one spelling ("" for none), and the letters of its own script."""

    key: str
    form: str
    native: str


def company(name: str) -> Company:
    """A company's name, taken apart."""
    text = _INITIALS.sub(r"\1", unicodedata.normalize("NFKC", name).strip())
    forms = []
    for form, meaning in _ATTACHED.items():
        rest = text.removeprefix(form).removesuffix(form).strip()
        if rest and rest != text:
            text = rest
            forms.append(meaning)
    first, _, rest = text.partition(" ")
    if rest and first.casefold() in _LEADING:
        text = rest.strip(" \"'«»„“”")
        forms.append(_LEADING[first.casefold()])
    key = company_key(text)
    words = [word for word in name_key(text).split() if word not in {"and", "the"}]
    forms += [_SPELLED.get(word, word) for word in words[len(key.split()) :] if word not in _ANY]
    return Company(key, " ".join(forms), native(text))
