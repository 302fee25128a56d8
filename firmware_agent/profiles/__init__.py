"""Policies as data. TOML is for people and is compiled off the board; devices load the .cbor beside it."""
