"""What is transcribed: sentences that our program speaks, and people's speech from the test models; WAV, 16 kHz, mono, 16 bits."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faster_whisper import decode_audio

HERE = Path(__file__).parent
RATE = 16_000
PIPER = "en_US-joe-medium"
KOKORO = ("af_heart", "am_michael", "bf_emma", "bm_george", "af_bella", "am_fenrir")
# How fast the sentences are spoken for the counting of words; 1 is the voice's own pace.
PACES = (("piper", 0.85), ("piper", 1.25), ("kokoro", 0.9), ("kokoro", 1.15))
JFK = (
    "And so my fellow Americans ask not what your country can do for you "
    "ask what you can do for your country"
)


@dataclass
class Recording:
    file: Path
    text: str

    @property
    def seconds(self):
        with wave.open(str(self.file)) as sound:
            return sound.getnframes() / sound.getframerate()


def made(folder, program, models):
    """The clips, and all of them as one; made anew unless the folder has them."""

    def make():
        texts = spoken(folder, program, each_once()) | read_by_people(folder, models)
        texts["long"] = joined(folder, texts)
        return texts

    *clips, long = kept(folder, make)
    return clips, long


def at_all_paces(folder, program):
    """The sentences by other voices, slower and faster; made anew unless the folder has them."""
    return kept(folder, lambda: spoken(folder, program, each_at_all_paces()))


def kept(folder, make):
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "texts.json"
    if not known.exists():
        known.write_text(json.dumps(make()))
    texts = json.loads(known.read_text())
    return [Recording(folder / f"{name}.wav", text) for name, text in texts.items()]


def sentences():
    return (HERE / "sentences.txt").read_text().splitlines()


def each_once():
    for number, sentence in enumerate(sentences()):
        engine = "kokoro" if number % 2 else "piper"
        yield f"spoken{number:02}", sentence, engine, voice(engine, number // 2), 1.0


def each_at_all_paces():
    for number, sentence in enumerate(sentences()):
        for pace, (engine, speed) in enumerate(PACES):
            yield f"spoken{number:02}-{pace}", sentence, engine, voice(engine, number + pace), speed


def voice(engine, number):
    return KOKORO[number % len(KOKORO)] if engine == "kokoro" else PIPER


def spoken(folder, program, wanted):
    texts = {}
    with served(program, folder / "data") as port:
        for name, sentence, *how in wanted:
            original = folder / "original.wav"
            original.write_bytes(speech(port, sentence, *how))
            write(folder / f"{name}.wav", decode_audio(str(original), RATE))
            original.unlink()
            texts[name] = sentence
    return texts


def read_by_people(folder, models):
    write(folder / "jfk.wav", decode_audio(str(models / "speech/jfk.wav"), RATE))
    texts = {"jfk": JFK}
    for line in (models / "speech/librivox/transcription").read_text().splitlines():
        text, _, name = line.strip().removesuffix(")").rpartition("(")
        file = models / f"speech/librivox/{name}.wav"
        if file.exists():
            write(folder / f"{name}.wav", decode_audio(str(file), RATE))
            texts[name] = text.replace("<s>", "").replace("</s>", "").strip()
    return texts


def joined(folder, texts):
    """All of them with pauses of 0.3 to 1.5 s between."""
    pauses = np.random.default_rng(1)
    parts = []
    for name in texts:
        parts.append(decode_audio(str(folder / f"{name}.wav"), RATE))
        parts.append(np.zeros(int(RATE * pauses.uniform(0.3, 1.5)), np.float32))
    write(folder / "long.wav", np.concatenate(parts))
    return " ".join(texts.values())


def write(file, samples):
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((samples * 32_767).astype(np.int16).tobytes())


def speech(port, text, engine, voice, speed):
    body = {"model": engine, "voice": voice, "input": text, "speed": speed, "response_format": "wav"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/audio/speech",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        return answer.read()


class served:
    """Our program, listening until the block ends."""

    def __init__(self, program, data):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        command = [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(data)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def __enter__(self):
        until = time.monotonic() + 120
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return self.port
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
