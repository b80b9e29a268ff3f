"""Queues a task for each request and waits for its result."""

from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from pydantic import BaseModel

from jobs import nothing


@asynccontextmanager
async def with_threads_for_all_clients(_app):
    anyio.to_thread.current_default_thread_limiter().total_tokens = 64
    yield


app = FastAPI(lifespan=with_threads_for_all_clients)


class Job(BaseModel):
    text: str


@app.post("/jobs")
def run(job: Job):
    return nothing.delay(job.text).get(timeout=25)
