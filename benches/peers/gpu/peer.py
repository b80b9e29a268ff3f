"""A peer behind an HTTP server: a thread for each connection, one model, on the GPU or not at all.

usage: peer.py PORT kokoro MODEL VOICES.npz heuristic|exhaustive
       peer.py PORT whisper FOLDER ROWS

POST /v1/audio/speech takes {"input", "voice"} and answers with WAV; POST /v1/audio/transcriptions takes a WAV file as
it is and answers {"text"}.
"""

import io
import json
import sys
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

PORT, KIND = int(sys.argv[1]), sys.argv[2]


def kokoro(model, voices, search):
    import onnxruntime
    from kokoro_onnx import Kokoro

    cuda = ("CUDAExecutionProvider", {"cudnn_conv_algo_search": search.upper()})
    session = onnxruntime.InferenceSession(model, providers=[cuda])
    if session.get_providers()[0] != "CUDAExecutionProvider":
        sys.exit("onnxruntime computes on the CPU")
    speaker = Kokoro.from_session(session, voices)

    def answer(body):
        asked = json.loads(body)
        samples, rate = speaker.create(asked["input"], voice=asked["voice"], lang="en-us")
        sound = io.BytesIO()
        with wave.open(sound, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        return "audio/wav", sound.getvalue()

    return answer


def whisper(folder, rows):
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(folder, device="cuda", compute_type="int8_float16", local_files_only=True)
    pipeline = BatchedInferencePipeline(model)

    def answer(body):
        with wave.open(io.BytesIO(body)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        audio = samples.astype(np.float32) / 32768
        segments, _ = pipeline.transcribe(audio, language="en", batch_size=int(rows), word_timestamps=True)
        text = " ".join(segment.text.strip() for segment in segments)
        return "application/json", json.dumps({"text": text}).encode()

    return answer


answer = {"kokoro": kokoro, "whisper": whisper}[KIND](*sys.argv[3:])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        kind, body = answer(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", PORT), Handler).serve_forever()
