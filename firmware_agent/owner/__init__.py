"""The owner: proof that a person is there, and what they are shown."""
