//! Engines, traffic and faults for tests and the demo.
