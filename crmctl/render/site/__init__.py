"""The site: the same facts as in the terminal, as pages that need no server and ask nobody for anything."""
