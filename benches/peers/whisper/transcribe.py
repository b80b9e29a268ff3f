"""faster-whisper as a command: the arguments and the lines of our example `transcribe`, for one lane.

    transcribe.py MODEL_DIR THREADS vad|whole FILE.wav...

One line of JSON when the first text is there, one for each file, and one for the whole, which leaves out the first text.
"""

import json
import resource
import sys
import time

began = time.monotonic()

from faster_whisper import WhisperModel, decode_audio


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    folder, threads, speech, *files = sys.argv[1:]
    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=int(threads))

    def text(file):
        segments, _ = model.transcribe(
            decode_audio(file), language="en", beam_size=5, vad_filter=speech == "vad"
        )
        return " ".join(segment.text.strip() for segment in segments)

    text(files[0])
    start = {"first_text_s": round(time.monotonic() - began, 3), "cpu_s": round(cpu_seconds(), 2)}
    print(json.dumps(start), flush=True)
    cpu, wall = cpu_seconds(), time.monotonic()
    for file in files:
        print(json.dumps({"file": file, "text": text(file)}), flush=True)
    whole = {
        "files": len(files),
        "wall_s": round(time.monotonic() - wall, 2),
        "cpu_s": round(cpu_seconds() - cpu, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(whole), flush=True)


main()
