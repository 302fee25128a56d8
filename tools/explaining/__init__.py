"""A compiled profile as a page that a lawyer can read, and what a new one changes against an old one."""
