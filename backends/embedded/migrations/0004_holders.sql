-- A job's body is the whole record, with whose the job is while it runs, and no longer the job alone.
UPDATE jobs SET body = json_object('job', json(body), 'queued_at', queued_at, 'holder', NULL);

-- Jobs that are queued and have no envelope are looked for now and then.
CREATE INDEX envelopes_by_job ON envelopes (job_id);
