"""The workspace on disk: YAML, documents, paths, the index, the lock and git."""
