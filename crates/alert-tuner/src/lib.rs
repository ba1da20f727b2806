//! Two-stage alert rules from a spec.
