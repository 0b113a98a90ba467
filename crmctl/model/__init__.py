"""The records, their fields, and the errors: plain data, no I/O."""
