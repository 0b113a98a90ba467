"""The command line: each module parses one noun or verb, calls the service that does it, and prints."""
