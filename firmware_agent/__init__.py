"""firmware_agent: the privacy agent that lives on a 3D printer or laser engraver."""

__version__ = "0.1.0"
