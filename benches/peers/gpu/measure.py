"""Voicefleet on a GPU beside kokoro-onnx and faster-whisper on the same one, in turn, same weights, same work.

Each contender is a server of its own, started anew in each round and warmed up. For so many clients, who ask one
request after the other: seconds of audio for a second, the 95th percentile of the answers, CPU seconds of the
server's processes for a second of audio; then the GPU's memory at its highest beyond what was taken before, and
of Whisper the words that are wrong. `shared` has one Voicefleet do both engines' work on the one GPU, with two
slots of Whisper for each of Kokoro, and tells what each is left with of what it does alone.

Run by `make bench-gpu`, where there is an NVIDIA card.
"""

import argparse
import io
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from processes import cpu_seconds

HERE = Path(__file__).parent
RATE = 16_000
VOICE = "af_heart"
SENTENCES = [
    "Could you tell me about a difficult problem that you solved?",
    "Take your time, and describe what you did first.",
    "How did the others in your team see it, and what would you do in another way now?",
    "Is there anything that you would like to ask?",
]
JFK = (
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
)


# ---- what is asked ------------------------------------------------------------------------------------------


def text(number):
    """One that was not spoken before, so that no cache answers."""
    asked = f"This is question number {number}."
    return " ".join([asked] + [SENTENCES[(number + i) % 4] for i in range(number % 3 + 1)])


def words(said):
    return re.sub(r"[^a-z0-9' ]", " ", said.lower()).split()


def clips(models):
    """(samples, words) of each recording whose text is known."""
    found = [(samples(models / "speech/jfk.wav"), words(JFK))]
    folder = models / "speech/librivox"
    for line in (folder / "transcription").read_text().splitlines():
        said, name = re.fullmatch(r"<s> (.*) </s> \((.*)\)", line.strip()).groups()
        found.append((samples(folder / f"{name}.wav"), words(said)))
    return found


def samples(path):
    with wave.open(str(path)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2")


def recording(known, number):
    """WAV, its words: one to three clips, other silence at the end of each, so that no cache answers."""
    chosen = [known[(number + i) % len(known)] for i in range(number % 3 + 1)]
    parts = [part for clip, _ in chosen for part in (clip, np.zeros(RATE // 2, "<i2"))]
    joined = np.concatenate([*parts, np.zeros(number % RATE, "<i2")])
    return as_wav(joined), len(joined) / RATE, [word for _, said in chosen for word in said]


def as_wav(audio):
    sound = io.BytesIO()
    with wave.open(sound, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(audio.tobytes())
    return sound.getvalue()


def wrong_words(heard, said):
    """Words to insert, delete or replace."""
    costs = list(range(len(said) + 1))
    for row, word in enumerate(heard):
        diagonal, costs[0] = costs[0], row + 1
        for column, right in enumerate(said):
            replaced = diagonal + (word != right)
            diagonal = costs[column + 1]
            costs[column + 1] = min(replaced, diagonal + 1, costs[column] + 1)
    return costs[-1]


# ---- what is measured ---------------------------------------------------------------------------------------


class GpuMemory:
    """MiB in use at the highest since it was made, all processes together."""

    def __init__(self, gpu):
        self.gpu, self.highest, self.over = gpu, 0, threading.Event()
        self.look()
        self.before = self.highest
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def look(self):
        asked = ["nvidia-smi", f"--id={self.gpu}", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        used = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        self.highest = max(self.highest, int(used.split()[0]))

    def watch(self):
        while not self.over.wait(0.25):
            self.look()

    def beyond(self):
        self.over.set()
        self.thread.join()
        return self.highest - self.before


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    def __init__(self, command, environment, options):
        self.port = free_port()
        self.log = options.scratch / f"{self.port}.log"
        command = [str(part).replace("PORT", str(self.port)) for part in command]
        libraries = ":".join(map(str, options.libraries))
        libraries += ":" + os.environ.get("LD_LIBRARY_PATH", "")
        self.process = subprocess.Popen(
            command,
            env=os.environ | {"LD_LIBRARY_PATH": libraries, "CUDA_VISIBLE_DEVICES": str(options.gpu)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("wb"),
            start_new_session=True,
        )
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"{' '.join(command)} ended:\n{self.log.read_text()[-3000:]}")
                time.sleep(0.01)

    def post(self, path, body, kind):
        url = f"http://127.0.0.1:{self.port}{path}"
        while True:
            request = urllib.request.Request(url, body, {"content-type": kind})
            try:
                with urllib.request.urlopen(request, timeout=300) as answer:
                    return answer.read()
            except urllib.error.HTTPError as refused:
                # Asks again where a server says that it is busy, when it says, as OpenAI's clients do.
                if refused.code not in (429, 503):
                    sys.exit(f"{url}: {refused.code} {refused.read()[:500]}\n{self.log.read_text()[-2000:]}")
                time.sleep(float(refused.headers.get("retry-after", 1)))

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def speak(server, number):
    """Seconds of audio."""
    asked = {"model": "kokoro", "input": text(number), "voice": VOICE, "response_format": "wav"}
    audio = server.post("/v1/audio/speech", json.dumps(asked).encode(), "application/json")
    with wave.open(io.BytesIO(audio)) as sound:
        return (len(audio) - 44) / sound.getsampwidth() / sound.getframerate(), 0, 0


def listen(options, form):
    def ask(server, number):
        """Seconds of audio, words that are wrong, words that were said."""
        audio, seconds, said = recording(options.clips, number)
        body, kind = (audio, "audio/wav")
        if form:
            body, kind = multipart({"model": options.whisper, "language": "en"}, audio)
        heard = json.loads(server.post("/v1/audio/transcriptions", body, kind))["text"]
        return seconds, wrong_words(words(heard), said), len(said)

    return ask


def multipart(fields, audio):
    bound = uuid.uuid4().hex
    parts = [
        f'--{bound}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{bound}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    parts += [head.encode(), audio, f"\r\n--{bound}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={bound}"


def measure(server, ask, clients, numbers):
    """So many clients, one request after the other each."""
    took = []

    def one(number):
        began = time.monotonic()
        answer = ask(server, number)
        took.append(time.monotonic() - began)
        return answer

    cpu, wall = cpu_seconds(server.process.pid), time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(one, numbers))
    cpu, wall = cpu_seconds(server.process.pid) - cpu, time.monotonic() - wall
    audio, wrong, said = (sum(column) for column in zip(*answers))
    figures = {
        "audio s/s": audio / wall,
        "p50 s": statistics.median(took),
        "p95 s": sorted(took)[int(0.95 * (len(took) - 1))],
        "cpu s/audio s": cpu / audio,
    }
    if said:
        figures["words wrong %"] = 100 * wrong / said
    return figures


# ---- who is measured ----------------------------------------------------------------------------------------


def ours(options, *, kokoro=0, whisper=0, rows=8):
    command = [options.program, "serve", "--listen", "127.0.0.1:PORT", "--models", options.models]
    command += ["--data", tempfile.mkdtemp(dir=options.scratch), "--sync-wait-seconds", 300]
    if kokoro:
        command += ["--kokoro-device", "cuda", "--kokoro-slots", kokoro]
    if whisper:
        command += ["--whisper-device", "cuda", "--whisper-slots", whisper, "--whisper-batch", rows]
    return command, {}


def peer(options, kind, *arguments):
    return [sys.executable, HERE / "peer.py", "PORT", kind, *arguments], {}


def of_kokoro(options):
    voices = options.scratch / "voices.npz"
    return {
        "voicefleet, 8 slots": (lambda: ours(options, kokoro=8), speak),
        "kokoro-onnx": (lambda: peer(options, "kokoro", options.float_model, voices, "exhaustive"), speak),
        "kokoro-onnx, heuristic search": (
            lambda: peer(options, "kokoro", options.float_model, voices, "heuristic"),
            speak,
        ),
    }


def of_whisper(options):
    folder = options.whisper_folder
    ask, plain = listen(options, True), listen(options, False)
    return {
        "voicefleet, rows 8": (lambda: ours(options, whisper=32), ask),
        "voicefleet, rows 32": (lambda: ours(options, whisper=32, rows=32), ask),
        "voicefleet, rows 1": (lambda: ours(options, whisper=32, rows=1), ask),
        "faster-whisper batched, 8": (lambda: peer(options, "whisper", folder, 8), plain),
    }


def one_round(contender, ask, options, first):
    memory = GpuMemory(options.gpu)
    server = Server(*contender(), options)
    try:
        for warm in range(4):
            ask(server, first + 9_000 + warm)
        figures = {}
        for clients in options.clients:
            numbers = range(first + 100 * clients, first + 100 * clients + max(12, 4 * clients))
            measured = measure(server, ask, clients, numbers)
            figures |= {f"{what}, {clients}": value for what, value in measured.items()}
        return figures | {"GPU MiB": memory.beyond()}
    finally:
        server.stop()


def compare(name, contenders, options):
    rounds = {contender: [] for contender in contenders}
    for number in range(options.rounds):
        for contender, (start, ask) in contenders.items():
            figures = one_round(start, ask, options, 100_000 * (number + 1))
            rounds[contender].append(figures)
            said = ", ".join(f"{what} {value:.3f}" for what, value in figures.items())
            print(f"{name}, round {number + 1}, {contender}: {said}", flush=True)
    mine = next(iter(rounds.values()))
    print(f"\n{name}: medians of {options.rounds} rounds, and ours as a multiple of it (median of pairs)")
    for contender, theirs in rounds.items():
        for what in theirs[0]:
            middle = statistics.median(figures[what] for figures in theirs)
            ratios = [a[what] / b[what] for a, b in zip(mine, theirs) if b[what]]
            ratio = f"x{statistics.median(ratios):.2f}" if ratios else "-"
            print(f"| {contender} | {what} | {middle:.3f} | {ratio} |")


def long_recording(options):
    """What a batch within one recording gives, which faster-whisper is made for: ten minutes in one file."""
    known = [recording(options.clips, number)[0][44:] for number in range(40)]
    audio = np.frombuffer(b"".join(known), "<i2")[: 600 * RATE]
    contenders = {
        "voicefleet": (lambda: ours(options, whisper=32), True),
        "faster-whisper batched, 8": (lambda: peer(options, "whisper", options.whisper_folder, 8), False),
        "faster-whisper batched, 32": (lambda: peer(options, "whisper", options.whisper_folder, 32), False),
    }
    for name, (start, form) in contenders.items():
        server = Server(*start(), options)
        try:
            listen(options, form)(server, 1)
            took = []
            for turn in range(3):
                again = as_wav(np.append(audio, np.zeros(turn, "<i2")))
                body, kind = again, "audio/wav"
                if form:
                    body, kind = multipart({"model": options.whisper, "language": "en"}, again)
                began = time.monotonic()
                server.post("/v1/audio/transcriptions", body, kind)
                took.append(time.monotonic() - began)
            print(f"| one recording of 600 s | {name} | {600 / statistics.median(took):.1f} audio s/s |", flush=True)
        finally:
            server.stop()


def shared(options):
    """Both engines saturated on the one GPU, each by two clients for a slot, for 30 s; before that each alone."""
    slots = {"whisper": 16, "kokoro": 8}
    asks = {"whisper": listen(options, True), "kokoro": speak}

    def during(engines, first):
        server = Server(*ours(options, **{engine: slots[engine] for engine in engines}), options)
        memory = GpuMemory(options.gpu)
        try:
            for engine in engines:
                asks[engine](server, first - 1)
            ends, done = time.monotonic() + 30, {engine: 0.0 for engine in engines}
            lock = threading.Lock()

            def client(engine, number):
                while time.monotonic() < ends:
                    seconds = asks[engine](server, number)[0]
                    number += 10_000
                    with lock:
                        done[engine] += seconds if time.monotonic() < ends else 0

            threads = [
                threading.Thread(target=client, args=(engine, first + 200 * index + client_number))
                for index, engine in enumerate(engines)
                for client_number in range(2 * slots[engine])
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return {engine: seconds / 30 for engine, seconds in done.items()}, memory.beyond()
        finally:
            server.stop()

    kept = []
    for number in range(options.rounds):
        alone = {engine: during([engine], 10_000_000 * (number + 1))[0][engine] for engine in slots}
        both, memory = during(list(slots), 10_000_000 * (number + 1) + 5_000)
        kept.append({engine: both[engine] / alone[engine] for engine in slots})
        print(f"shared 2:1, round {number + 1}: alone {alone}, together {both}, GPU MiB {memory}", flush=True)
    for engine in slots:
        left = statistics.median(round[engine] for round in kept)
        print(f"| shared 2:1 | {engine} keeps | x{left:.2f} of what it does alone |")


def whisper_folder(options):
    """Ours, with the tokenizer that faster-whisper wants and we do not."""
    folder = options.scratch / "whisper"
    folder.mkdir()
    for file in (options.models / "ct2/base").iterdir():
        (folder / file.name).symlink_to(file)
    tokenizer = options.tokenizer or Path(sys.prefix) / "tokenizers/base/tokenizer.json"
    (folder / "tokenizer.json").symlink_to(tokenizer.resolve(strict=True))
    return folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, help="the voicefleet to measure")
    parser.add_argument("--models", required=True, type=Path, help="the folder of models")
    parser.add_argument("--float-model", required=True, type=Path, help="Kokoro with its weights as floats, for its peer")
    parser.add_argument("--whisper", default="whisper-base-ct2", help="a Whisper model in CTranslate2's format")
    parser.add_argument("--whisper-folder", type=Path, help="its folder, with tokenizer.json [default: made of ct2/base]")
    parser.add_argument("--tokenizer", type=Path, help="a tokenizer.json for it [default: the one that setup fetched]")
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--part", action="append", choices=["kokoro", "whisper", "long", "shared"])
    options = parser.parse_args()
    options.models = options.models.resolve()
    options.libraries = sorted(Path(np.__file__).parents[1].glob("nvidia/*/lib"))
    options.clips = clips(options.models)
    options.scratch = Path(tempfile.mkdtemp(prefix="bench-gpu-"))
    options.whisper_folder = options.whisper_folder or whisper_folder(options)
    voices = (options.models / "kokoro/voices").glob("*.bin")
    shape = (510, 1, 256)
    np.savez(
        options.scratch / "voices.npz",
        **{file.stem: np.fromfile(file, np.float32).reshape(shape) for file in voices},
    )
    parts = options.part or ["kokoro", "whisper", "long", "shared"]
    try:
        if "kokoro" in parts:
            compare("kokoro", of_kokoro(options), options)
        if "whisper" in parts:
            compare("whisper", of_whisper(options), options)
        if "long" in parts:
            long_recording(options)
        if "shared" in parts:
            shared(options)
    finally:
        shutil.rmtree(options.scratch)


if __name__ == "__main__":
    main()
