"""Readers: what systems and files say, as records on their way in. No workspace, no disk but the file named."""
