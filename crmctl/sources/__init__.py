"""Readers: what systems and files say, as records on their way in; no disk but the file named."""
