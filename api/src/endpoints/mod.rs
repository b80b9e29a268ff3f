//! One file per endpoint: its request, its answers, and the few lines between them and the logic.

pub(crate) mod cancel_job;
pub(crate) mod create_file;
pub(crate) mod create_job;
pub(crate) mod create_speech;
pub(crate) mod create_transcription;
pub(crate) mod delete_file;
pub(crate) mod docs;
pub(crate) mod get_file;
pub(crate) mod get_job;
pub(crate) mod get_model;
pub(crate) mod get_result;
pub(crate) mod get_split;
pub(crate) mod job_events;
pub(crate) mod list_dead_letters;
pub(crate) mod list_jobs;
pub(crate) mod list_models;
pub(crate) mod list_voices;
pub(crate) mod livez;
pub(crate) mod metrics;
pub(crate) mod openapi_json;
pub(crate) mod purge_dead_letters;
pub(crate) mod put_split;
pub(crate) mod readyz;
pub(crate) mod retry_job;
pub(crate) mod root;
