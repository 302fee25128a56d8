"""One file a printer family. Each offers the same few normalised fields; see docs/integrate.md."""
