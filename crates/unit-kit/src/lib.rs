//! What every systemd tool needs: config, logging, notify, locks, metrics, exit codes.
