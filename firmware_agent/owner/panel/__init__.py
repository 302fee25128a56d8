"""The owner's page: its server, and the third exit."""
