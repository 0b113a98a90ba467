"""A page as PDF, by WeasyPrint (extra ``pdf``): tagged for screen readers, the same bytes for the same page.

It is given everything it shows: whatever it would fetch is refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError

if TYPE_CHECKING:
    from weasyprint.document import Document

VARIANT = "pdf/ua-1"


def pdf(page: str) -> bytes:
    """The file. ConfigError where WeasyPrint, or Pango, which it draws letters with, is not installed."""
    document = laid_out(page)
    written: Any = document.write_pdf(
        pdf_variant=VARIANT, pdf_tags=True, pdf_identifier=b"crmctl", uncompressed_pdf=False
    )
    return bytes(written)


def laid_out(page: str) -> Document:
    """The sheets, as many as there are."""
    weasyprint = library()
    # It tells of every property of the browsers' that it has no use for.
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    made: Document = weasyprint.HTML(string=page, url_fetcher=_fetcher(weasyprint)).render()
    return made


def refuse(url: str) -> Any:
    """Nothing is fetched, from nowhere: ValueError."""
    raise ValueError(f"a document loads nothing: {url[:80]}")


def _fetcher(weasyprint: Any) -> Any:
    class Refusing(weasyprint.urls.URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:  # noqa: ARG002  as the library calls it
            return refuse(url)

    return Refusing()


def library() -> Any:
    """WeasyPrint; ConfigError says what is missing."""
    try:
        import weasyprint
    except ImportError:
        raise ConfigError(
            "this needs WeasyPrint: install crmctl with the extra pdf (pip install 'crmctl[pdf]'), "
            "or print what --html gives"
        ) from None
    except OSError as error:
        raise ConfigError(
            "WeasyPrint needs the library Pango, which this machine lacks: install it (Debian: libpango-1.0-0 and "
            f"libpangoft2-1.0-0, macOS: brew install pango), or print what --html gives ({str(error).splitlines()[0]})"
        ) from None
    return weasyprint
