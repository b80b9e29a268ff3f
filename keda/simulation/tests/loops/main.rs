//! The model of both control loops, against what was observed and rule by rule.

mod golden;
mod quirks;
