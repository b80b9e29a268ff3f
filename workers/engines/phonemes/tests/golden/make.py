"""Makes clauses.json: what piper-tts's own espeak-ng says about these texts.

    pip install piper-tts==1.8.0        (carries espeak-ng 1.52.0.1 and its data)
    python make.py > clauses.json
"""

import importlib.metadata
import json
import re
import unicodedata

from piper import espeakbridge
from piper.phonemize_espeak import ESPEAK_DATA_DIR

VERSION = "1.8.0"

TEXTS = {
    "en-us": [
        "One, two; three: four. Five? Six! Seven",
        "He said—no, he swore – twice - that it's done; really: done.",
        "Dr. Smith met Mr. Jones at 5 p.m. on Main St. today.",
        "“Quoted,” she said. 'Single.' \"Double?\"",
        "(aside) [note] {brace}",
        "Hello\nworld",
        "Hello\n\nworld\n",
        "Really?! Yes!!! No...",
        "1,234,567 people on 2024-01-02 at 12:30, call 555-1234.",
        "Is it 3.5% or £20? $3.50, please.",
        "C++ and C# are @home #1 / and/or a_b ~x",
        "e.g. this, i.e. that, etc. And so on.",
        "<b>bold</b> & 5 < 6",
        "[[ hɛloʊ ]] there",
        "déjà vu, naïve, Zürich, Łódź, Þór",
        "Ελληνικά and 日本語 and العربية",
        "ok 😀 ok",
        "!",
        "",
        "  \t ",
        "…",
        "!!! ??? ...",
        "U.S.A.'s and the 1990s' NASA, FBI; X.",
        "So, we, went, home.",
    ],
    "en-gb-x-rp": ["Rather, the colour of the bath isn't certain.", "Half past three?"],
    "de": ["Guten Tag! Wie geht's, z. B. heute?", "Das Meeting ist um 9:40 Uhr.", "Am 2. Mai 2024."],
    "fr": ["Ça va? Très bien, merci beaucoup.", "Le week-end à New York coûte 1 200 €."],
    "es": ["¿Qué tal? ¡Muy bien!", "El 25% de 3.000."],
    "ru": ["Привет, как дела? Windows и Linux."],
    "vi": ["Xin chào, bạn khỏe không?"],
    "hu": ["2024. december 2., szerda."],
    "ar": ["مرحبا، كيف حالك؟"],
    "cmn": ["你好，世界。今天好吗？"],
}


def cleaned(phonemes):
    phonemes = re.sub(r"\([^)]+\)", "", phonemes)
    # Not written by the releases of espeak-ng; see the test.
    phonemes = re.sub("([iɪ]ː?)ʲ", r"\1", phonemes)
    return unicodedata.normalize("NFD", phonemes)


def main():
    assert importlib.metadata.version("piper-tts") == VERSION
    espeakbridge.initialize(str(ESPEAK_DATA_DIR))
    cases = []
    for voice, texts in TEXTS.items():
        for text in texts:
            espeakbridge.set_voice(voice)
            # piper-tts remembers how the text before ended; this one ends a sentence.
            espeakbridge.get_phonemes("Start.")
            clauses = espeakbridge.get_phonemes(text)
            cases.append(
                {
                    "voice": voice,
                    "text": text,
                    "clauses": [[cleaned(p), mark, end] for p, mark, end in clauses],
                }
            )
    golden = {"made_with": f"piper-tts {VERSION}, espeak-ng 1.52.0.1", "cases": cases}
    print(json.dumps(golden, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
