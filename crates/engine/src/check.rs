//! The access check: what works, what does not, why, and who fixes it with which command.

mod report;

pub use report::{CheckReport, CheckStep, STEPS, StepState, Verdict};
