"""A task that does nothing, with the promises that Voicefleet makes about its jobs."""

import os

from celery import Celery

app = Celery("jobs", broker=os.environ["BROKER_URL"], backend=os.environ["RESULTS_URL"])
app.conf.update(
    # Kept on disk by a quorum, confirmed to the publisher, acknowledged when it is done.
    task_default_queue="bench.celery",
    task_default_queue_type="quorum",
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    # As many connections as there are threads that ask.
    broker_pool_limit=64,
    redis_max_connections=256,
    # Nobody looks at these.
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)


@app.task
def nothing(text):
    return "no audio"
