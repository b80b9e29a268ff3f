//! The harness of the end-to-end tests and of the whole-program benches: starts the real `voicefleet`
//! on a free loopback port with a data folder of its own, alone or as a cluster over real servers, talks
//! to it over HTTP, and ends it by id.

mod client;
mod cluster;
mod command;
mod server;

pub use client::{Answer, Client, id_of};
pub use cluster::Cluster;
pub use command::{Said, run_program, run_program_with};
pub use server::{Server, program};
