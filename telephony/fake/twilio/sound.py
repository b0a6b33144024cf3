"""Recordings as files: a tone for each side, and true silence where nothing was recorded of them."""

from __future__ import annotations

import io
import math
import wave
from array import array
from collections.abc import Sequence
from functools import lru_cache

RATE = 8000
TONES = (330, 523)  # Hz, of the first channel and the second
DEFAULT_LENGTH = 10.0


def wav(parts: Sequence[tuple[str, float]], channels: int) -> bytes:
    """`parts`: voice or silence, and for how many seconds."""
    frames = b"".join(_voice(channels, round(length * RATE)) if kind == "voice" else
                      bytes(2 * channels * round(length * RATE)) for kind, length in parts)  # fmt: skip
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(frames)
    return file.getvalue()


def length_of(content: bytes) -> float:
    """Of a WAV; other formats are not measured."""
    try:
        with wave.open(io.BytesIO(content)) as sound:
            return float(sound.getnframes() / sound.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return DEFAULT_LENGTH


def _voice(channels: int, frames: int) -> bytes:
    second = _second(channels)
    whole, rest = divmod(frames, RATE)
    return second * whole + second[: rest * 2 * channels]


@lru_cache(maxsize=2)
def _second(channels: int) -> bytes:
    """One side speaks in its first half, the other one in its second; both in a single channel."""
    samples = array("h")
    for i in range(RATE):
        first = int(6000 * math.sin(2 * math.pi * TONES[0] * i / RATE)) if i < RATE // 2 else 0
        second = int(6000 * math.sin(2 * math.pi * TONES[1] * i / RATE)) if i >= RATE // 2 else 0
        samples.extend((first, second) if channels == 2 else (first + second,))
    return samples.tobytes()
