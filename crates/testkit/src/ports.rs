//! Free loopback ports.
//!
//! Ports come from below the kernel's ephemeral range, so that no outgoing connection can sit on one between the
//! moment it is found and the moment an engine (re)starts on it.

use anyhow::bail;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::Mutex;

/// Where ports are looked for; Linux hands out ephemeral ones from 32768.
const RANGE: Range<u16> = 14_000..32_000;

/// A port on 127.0.0.1 that nobody listens on, and that this process has not handed out before.
pub fn free() -> anyhow::Result<u16> {
    /// The next candidate. Processes start at different places so that parallel test runs don't meet.
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);

    let mut next = NEXT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut candidate = next.unwrap_or_else(|| RANGE.start + start_offset(std::process::id()));
    for _ in RANGE {
        let port = candidate;
        candidate = if port + 1 == RANGE.end { RANGE.start } else { port + 1 };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            *next = Some(candidate);
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end)
}

/// Spreads neighbouring process ids over the range (Knuth's multiplicative hash).
fn start_offset(pid: u32) -> u16 {
    (pid.wrapping_mul(2_654_435_761) % u32::from(RANGE.end - RANGE.start)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_handed_out_twice() {
        let (a, b) = (free().unwrap(), free().unwrap());
        assert_ne!(a, b);
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let first = free().unwrap();
        let _taken: Vec<_> =
            (first + 1..first + 4).filter_map(|p| TcpListener::bind((Ipv4Addr::LOCALHOST, p)).ok()).collect();
        assert!(free().unwrap() >= first + 4);
    }
}
