"""PCM and WAV as players without a decoder take them, alike from every engine."""

import io
import struct
import wave

import openai
import pytest
from recordings import PCM_RATE, loudest, pcm_seconds

TEXT = "The next question is about your plans."
MODELS = ["tts-1", "tts-1-hd"]
# Of Kokoro's languages, those that no reader is there for.
UNREAD = {"ja", "zh"}
# Of 32767.
AUDIBLE = 1000


def spoken(client, model, response_format):
    return client.audio.speech.create(model=model, voice="alloy", input=TEXT, response_format=response_format).content


@pytest.mark.parametrize("model", MODELS)
def test_a_wav_header_tells_the_truth(client, model):
    file = spoken(client, model, "wav")
    with wave.open(io.BytesIO(file)) as read:
        assert (read.getnchannels(), read.getsampwidth()) == (1, 2)
        samples = read.readframes(read.getnframes())
        assert len(samples) == 2 * read.getnframes() > 0
    assert file[:4] == b"RIFF" and struct.unpack_from("<I", file, 4)[0] == len(file) - 8
    data = file.index(b"data")
    assert struct.unpack_from("<I", file, data + 4)[0] == len(file) - data - 8


@pytest.mark.parametrize("model", MODELS)
def test_pcm_has_24000_samples_a_second_whatever_the_voice_has(client, model):
    samples = spoken(client, model, "pcm")
    with wave.open(io.BytesIO(spoken(client, model, "wav"))) as read:
        length = read.getnframes() / read.getframerate()
        own = read.readframes(read.getnframes())
    assert pcm_seconds(samples) == pytest.approx(length, abs=2 / PCM_RATE)
    # Neither silence nor noise: what big-endian samples would look like.
    assert loudest(samples) == pytest.approx(loudest(own), rel=0.15)
    assert zero_crossings(samples) == pytest.approx(zero_crossings(own), rel=0.15)


@pytest.mark.timeout(300)
def test_every_voice_speaks_at_24000_samples_a_second(client):
    """As long as its WAV is, and to be heard. What a voice cannot read yet is refused, and the refusal names it."""
    voices = client.get("/voices", cast_to=object)["data"]
    spoken_by = {"piper": 0, "kokoro": 0}
    for voice in voices:
        wanted = {"model": voice["model"], "voice": voice["id"], "input": "One, two."}
        if voice["language"].split("-")[0] in UNREAD:
            with pytest.raises(openai.BadRequestError, match=voice["id"]):
                client.audio.speech.create(**wanted, response_format="pcm")
            continue
        samples = client.audio.speech.create(**wanted, response_format="pcm").content
        stored = client.audio.speech.create(**wanted, response_format="wav").content
        with wave.open(io.BytesIO(stored)) as read:
            length = read.getnframes() / read.getframerate()
        assert pcm_seconds(samples) == pytest.approx(length, abs=2 / PCM_RATE), voice["id"]
        assert loudest(samples) > AUDIBLE, voice["id"]
        spoken_by[voice["engine"]] += 1
    assert min(spoken_by.values()) > 0, spoken_by


def zero_crossings(samples: bytes) -> int:
    values = memoryview(samples).cast("h")
    return sum((before < 0) != (after < 0) for before, after in zip(values, values[1:]))
