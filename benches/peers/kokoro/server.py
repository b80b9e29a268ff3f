"""kokoro-onnx behind an HTTP server of its own: what it has none of. A thread for each connection, one
session, which ONNX Runtime runs for several threads at once.

usage: server.py PORT MODEL VOICES.npz THREADS      (THREADS 0: as kokoro-onnx sets it)
"""

import io
import json
import sys
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import onnxruntime
from kokoro_onnx import Kokoro

PORT, MODEL, VOICES, THREADS = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])


def load():
    if THREADS == 0:
        return Kokoro(MODEL, VOICES)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    return Kokoro.from_session(session, VOICES)


kokoro = load()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        samples, rate = kokoro.create(asked["input"], voice=asked["voice"], lang="en-us")
        body = io.BytesIO()
        with wave.open(body, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        self.send_response(200)
        self.send_header("content-type", "audio/wav")
        self.send_header("content-length", str(len(body.getvalue())))
        self.end_headers()
        self.wfile.write(body.getvalue())

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


Server(("127.0.0.1", PORT), Handler).serve_forever()
