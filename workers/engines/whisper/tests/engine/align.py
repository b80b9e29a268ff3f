"""Prints when each word of the LibriVox clips is said, as the table in timing.rs: the known texts are aligned with
the audio by PocketSphinx and its own English model, in steps of 10 ms.

usage: align.py FOLDER, the models folder's speech/librivox, with pocketsphinx==5.1.1 installed.
"""

import pathlib
import re
import sys
import wave

from pocketsphinx import Decoder

FRAMES_PER_SECOND = 100
# The reader does not say the second "a" of the published text.
MISPRINT = ("a more a amiable", "a more amiable")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    for line in (folder / "transcription").read_text().splitlines():
        text, name = re.fullmatch(r"<s> (.*) </s> \((.*)\)", line).groups()
        print(f'    ("{name[-4:]}", &[')
        for word, start, end in aligned(samples(folder / f"{name}.wav"), text.replace(*MISPRINT)):
            print(f'        ("{word}", {start:.2f}, {end:.2f}),')
        print("    ]),")


def samples(path: pathlib.Path) -> bytes:
    with wave.open(str(path)) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (16_000, 1, 2)
        return audio.readframes(audio.getnframes())


def aligned(audio: bytes, text: str) -> list[tuple[str, float, float]]:
    """(word, start, end) in seconds; pauses left out."""
    decoder = Decoder(lm=None, samprate=16_000, bestpath=False, loglevel="FATAL")
    decoder.set_align_text(text)
    # The first pass finds the words, the second one their phones.
    for refine in (None, decoder.set_alignment):
        if refine:
            refine()
        decoder.start_utt()
        decoder.process_raw(audio, full_utt=True)
        decoder.end_utt()
    return [
        (
            re.sub(r"\(\d+\)$", "", word.name),
            word.start / FRAMES_PER_SECOND,
            (word.start + word.duration) / FRAMES_PER_SECOND,
        )
        for word in decoder.get_alignment()
        if word.name != "<sil>"
    ]


if __name__ == "__main__":
    main()
