"""Makes speech.json: what piper-tts does with these texts, up to the length of the audio.

    pip install piper-tts==1.8.0 onnxruntime==1.31.1
    python make.py .../en_US-joe-medium.onnx > speech.json

With noise_scale = noise_w = 0 the network's durations do not depend on chance.
"""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

from piper import PiperVoice, SynthesisConfig

VERSION = "1.8.0"
QUIET = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
SLOW = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, length_scale=1 / 0.5)

TEXTS = [
    "Hello world, this is a test.",
    "How are you?",
    "Yes!",
    "No",
    "The quick brown fox jumps over the lazy dog, and runs away.",
    "Please tell me about a difficult problem that you solved.",
    "Siobhan O'Brien and Xavier Nguyen met Zoë in Worcestershire.",
    "In 1999, 12,345 people paid $3.50 each; that is 0.5 % more than in 1998.",
    "Call 555-0199 at 12:30 on the 3rd, or write to info@example.com.",
    "Dr. Smith met Mr. Jones at 5 p.m. on Main St. in the U.S.A.",
    "NASA, the FBI and the WHO use APIs, URLs and JSON.",
    "What would you do first: ask, measure, or guess?",
    "Is that so? Really! I had no idea.",
    "“I don't know,” she said, 'but I'll find out.'",
    'He asked: "Why now?" and left.',
    "Well—if you ask me – it's fine - more or less.",
    "First line\nsecond line, longer\n\nthird",
    "Line one ends here.\nAnd line two?\n",
    "naïve café, déjà vu, Zürich, señor, Łódź",
    "Привет means hello, 你好 too.",
    "ok 😀 ok",
    "(an aside) [a note] {a brace} a/b c_d e+f g=h",
    "A list: apples; pears; plums; and so on, etc.",
    "e.g. this, i.e. that, vs. those",
    "Wow!!! What?! Hmm.",
    "it's the users' choice, isn't it",
    "Temperatures fell to -5°C (23°F) overnight.",
    "The answer is 42. The question is 6 × 7.",
    "Version 2.0.1-rc.15 was released on 2024-01-02.",
    "[[ hɛloʊ ]] there",
    # Above 200 but below 250 phonemes: one run.
    "When the committee had finally finished discussing the budget, the timetable, and the long list of open "
    "questions, everyone agreed that it was time to go home, to rest, and to begin again in the morning.",
]


def sentences(voice, text):
    """Sentences of a text, line by line as piper's command line reads it."""
    found = []
    for line in text.split("\n"):
        # Text in double brackets is text here: take away the meaning that piper-tts gives it.
        parts = voice.phonemize(line.replace("[[", "[ [").replace("]]", "] ]"))
        for phonemes in parts:
            if not phonemes:
                continue
            # Not written by the releases of espeak-ng; see the tests of voicefleet-phonemes.
            phonemes = list(re.sub("([iɪ]ː?)ʲ", r"\1", "".join(phonemes)))
            ids = voice.phonemes_to_ids(phonemes)
            found.append(
                {
                    "phonemes": "".join(phonemes),
                    "ids": ids,
                    "samples": int(voice.phoneme_ids_to_audio(ids, QUIET).size),
                    "samples_at_half_speed": int(voice.phoneme_ids_to_audio(ids, SLOW).size),
                }
            )
    return found


def main():
    assert importlib.metadata.version("piper-tts") == VERSION
    runtime = importlib.metadata.version("onnxruntime")
    model = Path(sys.argv[1])
    voice = PiperVoice.load(model)
    voice.phonemize("Start.")  # piper-tts remembers how the text before ended
    golden = {
        "made_with": f"piper-tts {VERSION}, onnxruntime {runtime}, {model.name}",
        "cases": [{"text": text, "sentences": sentences(voice, text)} for text in TEXTS],
    }
    print(json.dumps(golden, ensure_ascii=False, indent=None, separators=(",", ":")).replace('{"text"', '\n{"text"'))


if __name__ == "__main__":
    main()
