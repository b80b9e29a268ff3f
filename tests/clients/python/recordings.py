"""Audio as the tests look at it: its length, its form, its words."""

import dataclasses
import difflib
import io
import re
import wave

import soundfile

PCM_RATE = 24_000
# Which model tells whether speech says its words: the smallest that does.
LISTENER = "whisper-tiny.en"
# It now and then mishears a word of synthetic speech.
WORDS_ALIKE = 0.8
NUMERALS = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight"}


@dataclasses.dataclass(frozen=True)
class Recording:
    """What was to be said, and the WAV file in which it is."""

    text: str
    wav: bytes

    @property
    def seconds(self) -> float:
        return seconds(self.wav)


def seconds(audio: bytes) -> float:
    """Length of a file in any format that libsndfile reads."""
    return soundfile.info(io.BytesIO(audio)).duration


def pcm_seconds(samples: bytes) -> float:
    """Length of 24 kHz s16le mono."""
    assert len(samples) % 2 == 0
    return len(samples) / 2 / PCM_RATE


def loudest(samples: bytes) -> int:
    """The largest amplitude of s16le samples."""
    return max(map(abs, memoryview(samples).cast("h")), default=0)


def as_wav(samples: bytes, rate: int = PCM_RATE) -> bytes:
    """Mono s16le samples as a file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples)
    return file.getvalue()


def words(text: str) -> list[str]:
    found = re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))
    return [NUMERALS.get(word, word) for word in found]


def assert_same_words(heard: str, said: str, at_least: float = WORDS_ALIKE) -> None:
    """Whether what was heard is what was said, as good as the listener can."""
    alike = difflib.SequenceMatcher(None, words(heard), words(said), autojunk=False).ratio()
    assert alike >= at_least, f"heard {heard!r}, said {said!r}"
