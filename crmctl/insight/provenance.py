"""Where something stands, in the form that evidence cites: ``path#field``, or ``path`` alone."""

from __future__ import annotations

from crmctl.model.record import PERSON, Record


def field_source(record: Record, name: str) -> str:
    """The place of a field's effective value; empty when nobody states one."""
    value, by = record.stated(name)
    if value is None:
        return ""
    return f"{record.path}#{name if by == PERSON else f'sources.{by}.{name}'}"
