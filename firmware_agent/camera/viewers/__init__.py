"""Programs on the owner's network that may look through the camera: a book of them, and the port where they ask."""
