//! The object store over a folder and over a bucket.

mod conformance;
mod outage;
mod s3;
