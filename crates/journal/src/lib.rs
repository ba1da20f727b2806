//! The systemd journal through libsystemd, loaded at run time.
