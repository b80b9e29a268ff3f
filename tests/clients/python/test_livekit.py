"""livekit-plugins-openai: its TTS and STT classes, outside a room."""

import io
import wave

import pytest
from livekit import rtc
from livekit.agents import APIStatusError
from livekit.plugins import openai
from recordings import LISTENER, PCM_RATE, as_wav, assert_same_words, loudest, pcm_seconds

TEXT = "Could you tell us what you liked about that work?"
# Its AudioEmitter decodes each of them by the content type that it is told.
FORMATS = ["mp3", "opus", "flac", "wav", "pcm"]


@pytest.fixture
async def speaker(url):
    """Makes TTS objects that are closed in the end."""
    made = []

    def speaker(**options) -> openai.TTS:
        made.append(openai.TTS(base_url=f"{url}/v1", api_key="unused", voice="ash", **options))
        return made[-1]

    yield speaker
    for tts in made:
        await tts.aclose()


@pytest.fixture
async def listener(url):
    made = []

    def listener(**options) -> openai.STT:
        made.append(openai.STT(base_url=f"{url}/v1", api_key="unused", **options))
        return made[-1]

    yield listener
    for stt in made:
        await stt.aclose()


async def spoken(tts: openai.TTS) -> bytes:
    """The samples it yields."""
    frames = []
    async with tts.synthesize(TEXT) as stream:
        async for event in stream:
            assert (event.frame.sample_rate, event.frame.num_channels) == (PCM_RATE, 1)
            frames.append(bytes(event.frame.data))
    return b"".join(frames)


def check(client, samples: bytes) -> None:
    assert 1 < pcm_seconds(samples) < 10
    assert loudest(samples) > 1000
    heard = client.audio.transcriptions.create(
        model=LISTENER, file=("speech.wav", as_wav(samples)), language="en"
    )
    assert_same_words(heard.text, TEXT)


@pytest.mark.parametrize("response_format", FORMATS)
async def test_it_speaks_by_plain_audio(speaker, client, response_format):
    check(client, await spoken(speaker(model="tts-1", response_format=response_format)))


@pytest.mark.parametrize("response_format", FORMATS)
async def test_it_speaks_by_events(speaker, client, response_format):
    check(client, await spoken(speaker(model="gpt-4o-mini-tts", response_format=response_format)))


async def test_it_speaks_as_it_comes(speaker, client):
    """Its own model and format."""
    check(client, await spoken(speaker()))


async def test_it_is_told_of_a_bad_voice(speaker):
    tts = speaker(model="gpt-4o-mini-tts")
    tts.update_options(voice="nobody")
    with pytest.raises(APIStatusError) as refused:
        await spoken(tts)
    assert refused.value.status_code == 400


def frames(wav: bytes) -> list[rtc.AudioFrame]:
    """The recording, cut as it would come from a room."""
    with wave.open(io.BytesIO(wav)) as read:
        rate, tenth = read.getframerate(), read.getframerate() // 10
        cut = []
        while samples := read.readframes(tenth):
            cut.append(rtc.AudioFrame(samples, rate, 1, len(samples) // 2))
    return cut


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-mini-transcribe", "gpt-4o-transcribe"])
async def test_it_listens(listener, recording, model):
    event = await listener(model=model, language="en").recognize(frames(recording.wav))
    [heard] = event.alternatives
    assert_same_words(heard.text, recording.text)
    assert heard.language == "en"


async def test_it_finds_the_language(listener, recording):
    stt = listener(model="whisper-1", detect_language=True)
    event = await stt.recognize(frames(recording.wav))
    assert event.alternatives[0].language == "en"
    assert_same_words(event.alternatives[0].text, recording.text)
