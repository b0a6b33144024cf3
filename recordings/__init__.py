"""Bytes of recorded calls: where they are kept, how ranges of them are read, when they expire."""
