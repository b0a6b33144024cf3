from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """For searching: case and accents do not matter ("ΠΑΠΑΔΟΠΟΎΛΟΥ" is found by "παπαδοπουλου"), final sigma is a sigma."""
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return " ".join(plain.casefold().replace("ς", "σ").split())
