//! Finds the few things worth knowing in the logs, and says why.
