"""A demonstration that needs nothing else: it plays printer, broker and maker. The agent never imports it."""
