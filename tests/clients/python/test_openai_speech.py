"""openai (Python): `audio.speech`."""

import base64
import io
import json

import openai
import pytest
import soundfile
from recordings import LISTENER, as_wav, assert_same_words, pcm_seconds, seconds

TEXT = "We would like to hear about your last project."
FORMATS = {
    "mp3": ("audio/mpeg", "MP3"),
    "opus": ("audio/ogg", "OGG"),
    "flac": ("audio/flac", "FLAC"),
    "wav": ("audio/wav", "WAV"),
}
VOICES = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
]  # fmt: skip
LENGTHS_ALIKE = 0.1


def speak(client, **fields):
    fields = {"model": "tts-1", "voice": "alloy", "input": TEXT} | fields
    return client.audio.speech.with_raw_response.create(**fields)


def transcribed(client, name, audio):
    heard = client.audio.transcriptions.create(model=LISTENER, file=(name, audio), language="en")
    return heard.text


@pytest.fixture(scope="module")
def wav_seconds(client):
    return seconds(speak(client, response_format="wav").content)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_each_format_says_the_words(client, wav_seconds, name):
    answer = speak(client, response_format=name)
    media_type, container = FORMATS[name]
    assert answer.headers["content-type"] == media_type
    assert soundfile.info(io.BytesIO(answer.content)).format == container
    assert seconds(answer.content) == pytest.approx(wav_seconds, abs=LENGTHS_ALIKE)
    assert_same_words(transcribed(client, f"speech.{name}", answer.content), TEXT)


def test_pcm_says_the_words(client, wav_seconds):
    answer = speak(client, response_format="pcm")
    assert answer.headers["content-type"].startswith("audio/pcm")
    assert pcm_seconds(answer.content) == pytest.approx(wav_seconds, abs=LENGTHS_ALIKE)
    assert_same_words(transcribed(client, "speech.wav", as_wav(answer.content)), TEXT)


def test_mp3_is_what_is_made_unless_asked_otherwise(client):
    assert speak(client).headers["content-type"] == "audio/mpeg"


def test_aac_is_refused_with_what_is_offered(client):
    with pytest.raises(openai.BadRequestError) as refused:
        speak(client, response_format="aac")
    assert (refused.value.param, refused.value.code) == ("response_format", "unknown_format")
    assert all(name in refused.value.message for name in ["wav", "pcm", "mp3", "opus", "flac"])


@pytest.mark.parametrize("name", ["mp3", "wav", "pcm"])
def test_a_streamed_answer_is_the_same_speech(client, tmp_path, name):
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=name
    ) as answer:
        answer.stream_to_file(tmp_path / "speech")
    audio = (tmp_path / "speech").read_bytes()
    audio = as_wav(audio) if name == "pcm" else audio
    assert soundfile.read(io.BytesIO(audio))[0].shape[0] > 0
    assert_same_words(transcribed(client, f"speech.{name}", audio), TEXT)


@pytest.mark.parametrize("name", ["mp3", "pcm"])
def test_events_carry_the_same_speech(client, wav_seconds, name):
    events = []
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=name, stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
    *deltas, done = events
    assert deltas and {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert done["type"] == "speech.audio.done"
    assert done["usage"].keys() == {"input_tokens", "output_tokens", "total_tokens"}
    audio = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    audio = as_wav(audio) if name == "pcm" else audio
    assert seconds(audio) == pytest.approx(wav_seconds, abs=LENGTHS_ALIKE)
    assert_same_words(transcribed(client, f"speech.{name}", audio), TEXT)


@pytest.mark.parametrize(
    ("model", "engine"), [("tts-1", "piper"), ("tts-1-hd", "kokoro"), ("gpt-4o-mini-tts", "kokoro")]
)
def test_openais_models_are_spoken_by_our_engines(client, service, model, engine):
    answer = speak(client, model=model, instructions="Speak calmly.", response_format="wav")
    assert service.job(answer.headers["x-voicefleet-job-id"])["engine"] == engine
    assert_same_words(transcribed(client, "speech.wav", answer.content), TEXT)


def test_every_voice_of_openais_speaks_and_no_two_sound_the_same(client):
    text = "Please open the window."
    spoken = {
        voice: speak(client, model="tts-1-hd", voice=voice, input=text, response_format="flac").content
        for voice in VOICES
    }
    assert len(set(spoken.values())) == len(VOICES)
    for voice, audio in spoken.items():
        # Of four words, one may be misheard.
        assert_same_words(transcribed(client, f"{voice}.flac", audio), text, at_least=0.75)


def test_on_piper_every_voice_of_openais_is_the_one_there_is(client):
    spoken = {speak(client, voice=voice, response_format="flac").content for voice in VOICES}
    assert len(spoken) == 1


def test_a_voice_may_be_an_object(client):
    by_name = speak(client, model="tts-1-hd", voice="nova", response_format="flac")
    by_id = speak(client, model="tts-1-hd", voice={"id": "nova"}, response_format="flac")
    assert by_id.content == by_name.content


# Piper's voices have a shortest length for each sound, so they cannot become twice as fast.
@pytest.mark.parametrize(("model", "fastest", "slowest"), [("tts-1", 0.75, 1.6), ("tts-1-hd", 0.6, 1.8)])
def test_speed_changes_the_length(client, model, fastest, slowest):
    text = "Please open the window."
    slow, plain, fast = (
        seconds(speak(client, model=model, input=text, speed=speed, response_format="wav").content)
        for speed in (0.5, 1.0, 2.0)
    )
    assert slow > slowest * plain
    assert fast < fastest * plain
