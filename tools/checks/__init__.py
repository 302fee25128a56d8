"""The static checks: pure functions from sources (path -> text) to findings (`file:line: what, what to do`)."""
