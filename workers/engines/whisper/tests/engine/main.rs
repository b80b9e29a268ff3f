//! The engine with real models and real speech.

mod audio;
mod devices;
mod faults;
mod long;
mod noise;
mod speech;
mod support;
mod timing;
