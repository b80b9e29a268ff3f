"""openai (Python): many calls at a time."""

import asyncio

from recordings import LISTENER, assert_same_words

CALLS = 8


async def round_trip(client, text):
    """Speaks, and listens to what was spoken."""
    spoken = await client.audio.speech.create(model="tts-1", voice="alloy", input=text, response_format="wav")
    heard = await client.audio.transcriptions.create(
        model=LISTENER, file=("speech.wav", spoken.content), language="en"
    )
    return heard.text


async def test_calls_at_a_time_get_each_its_own_answer(async_client):
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    texts = [f"The candidate has answered question number {number}." for number in numbers]
    heard = await asyncio.gather(*(round_trip(async_client, text) for text in texts))
    for said, answer in zip(texts, heard, strict=True):
        assert_same_words(answer, said)
    assert len(set(heard)) == CALLS


async def test_the_same_call_at_a_time_is_computed_once(async_client, service):
    call = async_client.audio.speech.with_raw_response.create
    answers = await asyncio.gather(
        *(call(model="tts-1", voice="alloy", input="Everybody asks for the same sentence.") for _ in range(CALLS))
    )
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["x-voicefleet-cache"] for answer in answers} <= {"miss", "follow", "hit"}
    [computed] = {service.times_computed(answer.headers["x-voicefleet-job-id"])[0] for answer in answers}
    assert computed == 1


async def test_an_asynchronous_answer_can_be_streamed(async_client):
    async with async_client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Everybody asks for the same sentence.", response_format="pcm"
    ) as answer:
        chunks = [chunk async for chunk in answer.iter_bytes(4096)]
    assert len(chunks) > 1
