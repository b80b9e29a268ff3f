"""Our Whisper engine and faster-whisper in turn, same library, weights, beam and recordings: CPU seconds and wrong words.

Each is a process of its own with one thread. The recordings: sentences spoken by Piper and Kokoro and read by people (clips of
up to 10 s), all of them with pauses between as one recording, and the sentences at four paces, once, since these are there to
count words. Run by `make bench-whisper`.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


import recordings

HERE = Path(__file__).parent
LONGEST_CLIP = 10
MODELS = ("base", "tiny.en")


def ours(model, _, options, files):
    return [options.ours, options.models, f"ct2/{model}/model.bin", "1", *files], {}


def faster_whisper(model, what, options, files):
    script = [sys.executable, HERE / "transcribe.py", options.scratch / model, "1"]
    # Its best for each: finding speech first costs more than it saves where there is little but speech.
    speech = "vad" if what == "long" else "whole"
    return [*script, speech, *files], {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


CONTENDERS = {"voicefleet": ours, "faster-whisper": faster_whisper}


def words(text):
    spaced = re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("-", " "))
    return spaced.replace("'", "").split()


def wrong_words(heard, said):
    """Words to be put in, left out or changed."""
    row = list(range(len(said) + 1))
    for i, word in enumerate(heard):
        before, row[0] = row[:], i + 1
        for j, other in enumerate(said):
            row[j + 1] = min(before[j] + (word != other), before[j + 1] + 1, row[j] + 1)
    return row[-1]


def run(contender, model, what, options, clips):
    files = [str(clip.file) for clip in clips]
    command, environment = contender(model, what, options, files)
    done = subprocess.run(
        [str(part) for part in command],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=3_600,
    )
    if done.returncode:
        sys.exit(f"{contender.__name__} ended with {done.returncode}: {done.stderr[-1000:]}")
    first, *texts, whole = [json.loads(line) for line in done.stdout.splitlines()]
    heard = {line["file"]: line["text"] for line in texts}
    errors = {
        clip.file.stem: wrong_words(words(heard[str(clip.file)]), words(clip.text))
        for clip in clips
    }
    if options.show:
        for clip in clips:
            if errors[clip.file.stem]:
                print(f"    {errors[clip.file.stem]} of {clip.file.stem}: {heard[str(clip.file)]}")
    return {
        "CPU s": whole["cpu_s"],
        "wall s": whole["wall_s"],
        "peak MB": whole["peak_mb"],
        "first text s": first["first_text_s"],
        "wrong words": sum(errors.values()),
    }


def with_tokenizer(models, tokenizers, scratch):
    """The folders of the models with what faster-whisper wants beside the weights."""
    for model in MODELS:
        folder = scratch / model
        folder.mkdir()
        for file in (models / "ct2" / model).iterdir():
            (folder / file.name).symlink_to(file)
        (folder / "tokenizer.json").unlink(missing_ok=True)
        (folder / "tokenizer.json").symlink_to(tokenizers / model / "tokenizer.json")


def measure(model, what, options, clips):
    times = 1 if what == "paces" else options.rounds
    seconds = sum(clip.seconds for clip in clips)
    count = sum(len(words(clip.text)) for clip in clips)
    print(f"{model}, {what}: {len(clips)} recordings, {seconds:.0f} s, {count} words", flush=True)
    rounds = {name: [] for name in CONTENDERS if not options.only or name == options.only}
    for number in range(times):
        for name, found in rounds.items():
            found.append(run(CONTENDERS[name], model, what, options, clips))
            said = ", ".join(f"{figure} {value}" for figure, value in found[-1].items())
            print(f"  round {number + 1}, {name}: {said}", flush=True)
    mine = next(iter(rounds.values()))
    for name, theirs in rounds.items():
        for figure in theirs[0]:
            middle = statistics.median(one[figure] for one in theirs)
            ratio = statistics.median(a[figure] / max(b[figure], 1e-9) for a, b in zip(mine, theirs))
            share = f" ({100 * middle / count:.2f} %)" if figure == "wrong words" else ""
            print(f"{model}, {what}, {name}: {figure} {middle:.2f}{share}, ours is x{ratio:.2f} of it")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, help="the voicefleet that speaks the sentences")
    parser.add_argument("--ours", required=True, help="the example `transcribe`, built")
    parser.add_argument("--models", required=True, type=Path, help="the folder of models")
    parser.add_argument("--tokenizers", required=True, type=Path, help="from the set-up")
    parser.add_argument("--recordings", type=Path, help="a folder to keep them in for another run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CONTENDERS, help="one of the two; both by default")
    parser.add_argument("--set", choices=("clips", "long", "paces"), help="one of them; all by default")
    parser.add_argument("--model", choices=MODELS, help="one of the two; both by default")
    parser.add_argument("--show", action="store_true", help="say what was heard wrong")
    options = parser.parse_args()
    options.scratch = Path(tempfile.mkdtemp(prefix="bench-whisper-"))
    try:
        with_tokenizer(options.models, options.tokenizers, options.scratch)
        folder = options.recordings or options.scratch / "recordings"
        clips, long = recordings.made(folder, options.program, options.models)
        sets = {"clips": [c for c in clips if c.seconds <= LONGEST_CLIP], "long": [long]}
        if options.set in (None, "paces"):
            sets["paces"] = recordings.at_all_paces(folder / "paces", options.program)
        for model in MODELS:
            for what, chosen in sets.items():
                if options.model in (None, model) and options.set in (None, what):
                    measure(model, what, options, chosen)
    finally:
        shutil.rmtree(options.scratch)


main()
