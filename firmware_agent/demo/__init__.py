"""A demonstration that needs nothing else: it plays the printer, the broker and the maker. The agent never imports it."""
