//! When keys are created and deleted.
