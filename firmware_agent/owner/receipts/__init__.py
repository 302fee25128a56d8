"""A decision as its owner can keep it: ISO/IEC TS 27560:2023 in the words of the W3C Data Privacy Vocabulary."""
