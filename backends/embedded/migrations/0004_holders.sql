-- A job's body is the whole record, with whose the job is while it runs, and no longer the job alone.
UPDATE jobs SET body = json_object('job', json(body), 'queued_at', queued_at, 'holder', NULL);
