"""What can go wrong while a system is read, by what the caller should do."""

from __future__ import annotations

from crmctl.model.errors import ConfigError, CrmError


class SourceError(CrmError):
    """The system cannot be read on; what arrived is kept, and the next run goes on from the last mark."""


class StatusError(SourceError):
    """The system refused one request for good. ``body`` is at most 64 KB, for the caller to look into."""

    def __init__(self, message: str, status: int, body: bytes = b"") -> None:
        self.status = status
        self.body = body
        super().__init__(message)


class TooLarge(SourceError):
    """The system gave more bytes at once than we take."""


class QuotaError(SourceError):
    """The system's allowance is used up: going on would only make it worse."""


class AuthError(ConfigError):
    """The system does not accept our credentials; a person must renew them."""
