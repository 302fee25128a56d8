"""The camera: a process of its own that does not exist without consent."""
