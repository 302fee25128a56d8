"""Takes what names a person, a machine or a file out of logs, configuration, JSON and G-code that are shared."""
