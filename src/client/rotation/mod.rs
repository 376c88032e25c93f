//! Replaces keys regularly, and revokes no token before it expires.

mod policy;
mod rotate;

pub use policy::{RotationPlan, RotationPolicy};
pub use rotate::{RotateError, RotateFailure, Rotation, RotationReport};
