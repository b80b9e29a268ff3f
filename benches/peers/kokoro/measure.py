"""Voicefleet, kokoro-onnx and fastkokoro in turn, same weights, same texts, fresh in each round.

Each server is a process of its own. For 1 and for 8 clients: CPU seconds (user and system) of the server's
processes for a second of audio and for a text, wall seconds; then its peak of resident memory. Before
that, from the process's start to the first audio. Run by `make bench-kokoro`.
"""

import argparse
import io
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from processes import cpu_seconds, family

HERE = Path(__file__).parent
VOICE = "af_heart"
SENTENCES = [
    "Could you tell me about a difficult problem that you solved?",
    "Take your time, and describe what you did first.",
    "How did the others in your team see it, and what would you do in another way now?",
    "Is there anything that you would like to ask?",
]


def text(number):
    """One that was not spoken before, so that no cache answers."""
    asked = f"This is question number {number}."
    return " ".join([asked] + [SENTENCES[(number + i) % 4] for i in range(number % 2 + 1)])


def peak_mib(pid):
    total = 0
    for process, _ in family(pid):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                total += int(line.split()[1])
    return total / 1024


class Server:
    def __init__(self, contender, options, scratch):
        self.port = free_port()
        command, environment = contender(self.port, options, scratch)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"{command[0]} ended with {self.process.returncode}")
                time.sleep(0.005)

    def speak(self, said):
        """Seconds of audio."""
        body = json.dumps(
            {"model": "kokoro", "input": said, "voice": VOICE, "response_format": "wav"}
        )
        url = f"http://127.0.0.1:{self.port}/v1/audio/speech"
        request = urllib.request.Request(
            url, body.encode(), {"content-type": "application/json"}
        )
        audio = answer_to(request)
        with wave.open(io.BytesIO(audio)) as sound:
            return (len(audio) - 44) / sound.getsampwidth() / sound.getframerate()

    def measure(self, clients, texts):
        cpu, wall = cpu_seconds(self.process.pid), time.monotonic()
        with ThreadPoolExecutor(clients) as pool:
            audio = sum(pool.map(self.speak, texts))
        cpu, wall = cpu_seconds(self.process.pid) - cpu, time.monotonic() - wall
        return {"cpu": cpu / audio, "cpu a text": cpu / len(texts), "wall": wall}

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def answer_to(request):
    """Asks again where a server says that it is busy, when it says, as OpenAI's clients do."""
    while True:
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.read()
        except urllib.error.HTTPError as refused:
            if refused.code != 503:
                raise
            time.sleep(float(refused.headers.get("retry-after", 1)))


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def ours(port, options, scratch):
    data = tempfile.mkdtemp(dir=scratch)
    command = [options.program, "serve", "--listen", f"127.0.0.1:{port}", "--data", data]
    return command, {}


def kokoro_onnx(threads):
    def start(port, options, scratch):
        script = [sys.executable, HERE / "server.py", str(port)]
        return [*script, options.model, scratch / "voices.npz", str(threads)], {}

    return start


def fastkokoro(threads):
    def start(port, options, scratch):
        return [Path(sys.executable).with_name("fastkokoro")], {
            "FASTKOKORO_MODEL_PATH": str(options.model),
            "FASTKOKORO_VOICES_PATH": str(scratch / "voices.npz"),
            "FASTKOKORO_CACHE_DIR": str(scratch / "fastkokoro"),
            "FASTKOKORO_ONNX_INTRA_OP_NUM_THREADS": str(threads),
            "FASTKOKORO_HOST": "127.0.0.1",
            "FASTKOKORO_PORT": str(port),
            "HF_HUB_OFFLINE": "1",
        }

    return start


CONTENDERS = {
    "voicefleet": ours,
    "kokoro-onnx, 1 thread": kokoro_onnx(1),
    "kokoro-onnx, its own threads": kokoro_onnx(0),
    "fastkokoro, 1 thread": fastkokoro(1),
    "fastkokoro, 2 threads": fastkokoro(2),
}


def one_round(contender, options, scratch, first):
    server = Server(contender, options, scratch)
    try:
        server.speak("Good morning.")
        figures = {"start": time.monotonic() - server.began}
        # fastkokoro has warmed up by now; nobody's first run of a length counts.
        server.speak(text(first + 99))
        for clients, count in ((1, 3), (8, 8)):
            texts = [text(first + 10 * clients + n) for n in range(count)]
            measured = server.measure(clients, texts)
            figures |= {f"{name}, {clients}": value for name, value in measured.items()}
        figures["peak MiB"] = peak_mib(server.process.pid)
        return figures
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, help="the voicefleet to measure")
    parser.add_argument("--models", required=True, type=Path, help="the folder of models")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", help="a contender; all by default")
    options = parser.parse_args()
    options.model = options.models / "kokoro/kokoro-v1.0.int8.onnx"
    scratch = Path(tempfile.mkdtemp(prefix="bench-kokoro-"))
    voices = (options.models / "kokoro/voices").glob("*.bin")
    shape = (510, 1, 256)
    np.savez(
        scratch / "voices.npz",
        **{file.stem: np.fromfile(file, np.float32).reshape(shape) for file in voices},
    )
    chosen = {
        name: start
        for name, start in CONTENDERS.items()
        if not options.only or name in options.only
    }
    rounds = {name: [] for name in chosen}
    try:
        for number in range(options.rounds):
            for name, contender in chosen.items():
                figures = one_round(contender, options, scratch, 1000 * number)
                rounds[name].append(figures)
                said = ", ".join(f"{what} {value:.3f}" for what, value in figures.items())
                print(f"round {number + 1}, {name}: {said}", flush=True)
    finally:
        shutil.rmtree(scratch)
    mine = next(iter(rounds.values()))
    for name, theirs in rounds.items():
        for what in theirs[0]:
            middle = statistics.median(figures[what] for figures in theirs)
            ratio = statistics.median(a[what] / b[what] for a, b in zip(mine, theirs))
            print(f"{name}: {what} {middle:.3f}, ours is x{ratio:.2f} of it")


main()
