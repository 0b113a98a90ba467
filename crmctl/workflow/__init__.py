"""Workflows: what starts them, what they do, and the record of each occasion."""
