"""What the tests share: the server's address, the clients, and recordings to be transcribed."""

import os

import openai
import pytest
from recordings import Recording
from service import Service

PATIENCE = 60
TEXT = "Please introduce yourself and tell us about your last project."


@pytest.fixture(scope="session")
def url() -> str:
    """Where the server is; scripts/test-clients starts one."""
    return os.environ["VOICEFLEET_URL"]


@pytest.fixture(scope="session")
def service(url: str) -> Service:
    return Service(url)


@pytest.fixture(scope="session")
def client(url: str) -> openai.OpenAI:
    """With the retries that it has by itself: on a busy machine an answer may take longer than the server lets wait."""
    return openai.OpenAI(base_url=f"{url}/v1", api_key="unused", timeout=PATIENCE)


@pytest.fixture
async def async_client(url: str):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", timeout=PATIENCE) as client:
        yield client


@pytest.fixture(scope="session")
def recording(client: openai.OpenAI) -> Recording:
    """A sentence, spoken."""
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format="wav")
    return Recording(TEXT, spoken.content)


@pytest.fixture(scope="session")
def long_recording(client: openai.OpenAI) -> Recording:
    """Several sentences: more than one cue."""
    text = (
        "Good morning, and welcome to the interview. Before we begin, please close the door. "
        "First, tell us where you have worked before. Then, explain why you would like to work here. "
        "Finally, you may ask us three questions."
    )
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input=text, response_format="wav")
    return Recording(text, spoken.content)
