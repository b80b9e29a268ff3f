//! The embedded backend over real files: the conformance suites, and what it promises beyond them.

mod bench;
mod closing;
mod conformance;
mod damage;
mod housekeeping;
mod kill;
mod lanes;
mod opening;
mod recovery;
mod simulation;
mod uploads;
