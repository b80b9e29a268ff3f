"""pipecat-ai: its OpenAI TTS and STT services, each in a pipeline of its own."""

import io
import wave

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    InputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.worker import PipelineParams
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import VALID_VOICES, OpenAITTSService
from pipecat.tests.utils import run_test
from recordings import LISTENER, PCM_RATE, as_wav, assert_same_words, loudest, pcm_seconds

TEXT = "What would you do if a deadline could not be met?"
START_SECONDS = 30


async def passed_through(service, frames, **rates):
    """What leaves the service at either end when `frames` have been sent into it."""
    down, up = await run_test(
        service,
        frames_to_send=frames,
        pipeline_params=PipelineParams(**rates),
        start_timeout=START_SECONDS,
    )
    return [*down, *up]


async def spoken(url, text=TEXT, **settings):
    """What its TTS makes of the text. It gives up on speech that does not begin within 3 s (`stop_frame_timeout_s`), which
    a busy machine may need for Kokoro, so that is spoken before.
    """
    settings = OpenAITTSService.Settings(**settings)
    service = OpenAITTSService(base_url=f"{url}/v1", api_key="unused", settings=settings)
    return await passed_through(service, [TTSSpeakFrame(text)], audio_out_sample_rate=PCM_RATE)


def samples_of(frames) -> bytes:
    assert not [frame.error for frame in frames if isinstance(frame, ErrorFrame)]
    audio = [frame for frame in frames if isinstance(frame, TTSAudioRawFrame)]
    assert {(frame.sample_rate, frame.num_channels) for frame in audio} == {(PCM_RATE, 1)}
    return b"".join(frame.audio for frame in audio)


def prepare(client, model, voice):
    client.audio.speech.create(model=model, voice=voice, input=TEXT, response_format="pcm")


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"])
async def test_it_speaks(url, client, model):
    prepare(client, model, "coral")
    samples = samples_of(await spoken(url, model=model, voice="coral", instructions="Be friendly.", speed=1.0))
    assert 1 < pcm_seconds(samples) < 10
    assert loudest(samples) > 1000
    heard = client.audio.transcriptions.create(
        model=LISTENER, file=("speech.wav", as_wav(samples)), language="en"
    )
    assert_same_words(heard.text, TEXT)


async def test_it_speaks_as_it_comes(url, client):
    """Its own model and voice."""
    prepare(client, "gpt-4o-mini-tts", "alloy")
    assert pcm_seconds(samples_of(await spoken(url))) > 1


async def test_every_voice_that_it_allows_speaks(url):
    for voice in VALID_VOICES:
        assert pcm_seconds(samples_of(await spoken(url, "Hello there.", model="tts-1", voice=voice))) > 0.3


async def test_it_passes_on_what_it_is_told(url):
    frames = await spoken(url, model="tts-1", voice="alloy", speed=9.0)
    errors = [frame.error for frame in frames if isinstance(frame, ErrorFrame)]
    assert any("the speed must be between 0.25 and 4.0" in error for error in errors)


def turn(wav: bytes):
    """Frames of somebody's turn: what a transport and its voice detector would send. And their rate."""
    with wave.open(io.BytesIO(wav)) as read:
        rate, tenth = read.getframerate(), read.getframerate() // 10
        frames = [VADUserStartedSpeakingFrame()]
        while samples := read.readframes(tenth):
            frames.append(InputAudioRawFrame(samples, rate, 1))
    return [*frames, VADUserStoppedSpeakingFrame()], rate


# `None`: its own model.
@pytest.mark.parametrize("model", [None, "gpt-transcribe", "whisper-1", "gpt-4o-transcribe"])
async def test_it_listens(url, recording, model):
    chosen = {"model": model} if model else {}
    settings = OpenAISTTService.Settings(prompt="An interview.", temperature=0.0, **chosen)
    service = OpenAISTTService(base_url=f"{url}/v1", api_key="unused", settings=settings)
    frames, rate = turn(recording.wav)
    answers = await passed_through(service, frames, audio_in_sample_rate=rate)
    assert not [frame.error for frame in answers if isinstance(frame, ErrorFrame)]
    [heard] = [frame for frame in answers if isinstance(frame, TranscriptionFrame)]
    assert_same_words(heard.text, recording.text)


async def test_it_listens_with_probabilities(url, recording):
    settings = OpenAISTTService.Settings(model="whisper-1")
    service = OpenAISTTService(
        base_url=f"{url}/v1", api_key="unused", settings=settings, include_prob_metrics=True
    )
    frames, rate = turn(recording.wav)
    answers = await passed_through(service, frames, audio_in_sample_rate=rate)
    [heard] = [frame for frame in answers if isinstance(frame, TranscriptionFrame)]
    assert all(segment.avg_logprob < 0 for segment in heard.result.segments)
