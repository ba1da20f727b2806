//! A log line as Yagura knows it: levels, event ids, parsers, windows.
