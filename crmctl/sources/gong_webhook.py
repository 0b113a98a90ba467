"""What Gong posts when one of its automation rules fires: whether it is from Gong, and which calls it is about.

Gong signs with the rule's own key: a JWT (RS256) in ``Authorization``, with or without ``Bearer``, whose claims
``body_sha256`` and ``webhook_url`` bind it to this body and this address. Its settings page shows the public key as
bare base64. The body is ``{"callData": <a call as in /v2/calls/extensive>, "isTest": bool}``.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crmctl.sources.conversation_json import part, parts, text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_LEEWAY = 60  # seconds that two clocks may differ
_LONGEST = 16_384  # characters of a signature header
_PORTS = {"https": 443, "http": 80}


def verify(
    public_key_pem: str, headers: Mapping[str, str], body: bytes, url: str, now: float
) -> bool:
    """Whether a request is Gong's, for this address, and not too old.

    ``public_key_pem`` may be PEM or the bare base64 of it. ``url`` is the address that Gong was given, or its path and
    query alone where the host is not known here. ``now`` is in seconds since 1970.
    """
    token = next((v for name, v in headers.items() if name.lower() == "authorization"), "").strip()
    if token[:7].lower() == "bearer ":
        token = token[7:].strip()
    claims = _claims(public_key_pem, token) if len(token) <= _LONGEST else None
    if claims is None:
        return False
    digest = text(claims.get("body_sha256")).lower().encode("utf-8", "replace")
    if not hmac.compare_digest(digest, sha256(body).hexdigest().encode()):
        return False
    if not _meant(text(claims.get("webhook_url")), url):
        return False
    ends, begins = claims.get("exp"), claims.get("nbf")
    if ends is not None and not (_is_number(ends) and now < ends + _LEEWAY):
        return False
    return begins is None or (_is_number(begins) and begins <= now + _LEEWAY)


def call_ids(payload: Any) -> list[str]:
    """The calls that a request is about."""
    about = part(payload)
    calls = [part(about.get("callData")), *parts(about.get("callData"))]
    ids = (text(part(one.get("metaData")).get("id")) for one in calls)
    return [id for id in ids if id.isascii() and id.isdigit()]


def _claims(public_key_pem: str, token: str) -> Mapping[str, Any] | None:
    """What a token says, None if it is none that the holder of the key has signed with RS256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    header, dot, rest = token.partition(".")
    payload, second, signature = rest.partition(".")
    if not (dot and second):
        return None
    try:
        if json.loads(_decoded(header)).get("alg") != "RS256":
            return None
        key = _key(public_key_pem)
        key.verify(_decoded(signature), f"{header}.{payload}".encode(), PKCS1v15(), SHA256())
        claims = json.loads(_decoded(payload))
    except (ValueError, AttributeError, RecursionError, InvalidSignature):
        return None
    return claims if isinstance(claims, Mapping) else None


def _key(public_key_pem: str) -> RSAPublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    inner = re.sub(r"-----[A-Z ]+-----", "", public_key_pem)
    try:
        key = load_der_public_key(base64.b64decode("".join(inner.split()), validate=True))
    except UnsupportedAlgorithm:
        raise ValueError("is no public key") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("is no RSA key")
    return key


def _decoded(part: str) -> bytes:
    padded = part.encode("ascii") + b"=" * (-len(part) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)


def _meant(claimed: str, url: str) -> bool:
    """Whether two addresses are one; nothing claimed fits every address."""
    if not claimed or not url:
        return True
    try:
        one, other = _place(claimed), _place(url)
    except ValueError:
        return False
    return one == other if other[1] else one[3:] == other[3:]


def _place(url: str) -> tuple[str, str, int, str, str]:
    """Scheme, host, port, path and query, each in its normal form."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port, parts.path.rstrip("/"), parts.query


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
