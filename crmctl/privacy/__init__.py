"""Privacy: what a person allowed, and everything that is held about one."""
