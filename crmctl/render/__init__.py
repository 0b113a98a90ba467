"""Rendering: reviews and documents, and what commands print."""
