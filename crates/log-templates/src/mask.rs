//! The mask scanner: one pass over a line that replaces values by `<*>`.
//!
//! Written by hand because a chain of regular expressions is ten times slower and this runs on every line. Matchers
//! are tried only where a word begins, in the order from the most specific (a URL) to the least (a number).

/// What stands for a value.
pub const WILDCARD: &str = "<*>";

/// Appends `line` to `out` with its values masked and runs of white space made one blank.
///
/// Values that follow each other, separated by a blank, a dot or a comma, become one mask, so that lists of any
/// length give the same template.
pub fn mask(line: &str, out: &mut String) {
    let bytes = line.as_bytes();
    let start = out.len();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte.is_ascii_whitespace() || byte.is_ascii_control() {
            if out.len() > start && !out.ends_with(' ') {
                out.push(' ');
            }
            at += 1;
            continue;
        }
        let word_begins = at == 0 || !is_word(bytes[at - 1]);
        if word_begins {
            if let Some(end) = size_echo(bytes, at).filter(|_| out.ends_with("<*> ")) {
                out.pop();
                at = end;
                continue;
            }
            if let Some(end) = value(bytes, at) {
                push_wildcard(out, start);
                at = end;
                continue;
            }
        }
        let end = if is_word(byte) { run(bytes, at, is_word) } else { at + 1 };
        out.push_str(&line[at..end]);
        at = end;
    }
    if out.len() > start && out.ends_with(' ') {
        out.pop();
    }
}

/// Emits a mask, or lets it melt into the one before.
fn push_wildcard(out: &mut String, start: usize) {
    for glue in [" ", ".", ", ", ","] {
        if out[start..].strip_suffix(glue).is_some_and(|head| head.ends_with(WILDCARD)) {
            out.truncate(out.len() - glue.len());
            return;
        }
    }
    if !out[start..].ends_with(WILDCARD) {
        out.push_str(WILDCARD);
    }
}

/// Letters, digits and everything beyond ASCII (so that slices never cut a character).
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn run(bytes: &[u8], at: usize, accept: impl Fn(u8) -> bool) -> usize {
    at + bytes[at..].iter().take_while(|&&b| accept(b)).count()
}

fn digits(bytes: &[u8], at: usize) -> usize {
    run(bytes, at.min(bytes.len()), |b| b.is_ascii_digit())
}

fn is(bytes: &[u8], at: usize, wanted: u8) -> bool {
    bytes.get(at) == Some(&wanted)
}

fn word_ends(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|&b| !is_word(b))
}

/// End of the value that begins at `at`, where a word may begin.
fn value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        b'0'..=b'9' => uuid(bytes, at)
            .or_else(|| iso_time(bytes, at))
            .or_else(|| colon_hex(bytes, at))
            .or_else(|| ipv4(bytes, at))
            .or_else(|| clock(bytes, at))
            .or_else(|| mail(bytes, at))
            .or_else(|| host_port(bytes, at))
            .or_else(|| hex(bytes, at))
            .or_else(|| number(bytes, at)),
        b'a'..=b'z' | b'A'..=b'Z' => url(bytes, at)
            .or_else(|| drive_path(bytes, at))
            .or_else(|| month_day(bytes, at))
            .or_else(|| uuid(bytes, at))
            .or_else(|| colon_hex(bytes, at))
            .or_else(|| mail(bytes, at))
            .or_else(|| host_port(bytes, at))
            .or_else(|| hex(bytes, at)),
        b'/' => path(bytes, at),
        b':' if is(bytes, at + 1, b':') => colon_hex(bytes, at),
        b'-' | b'+' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => number(bytes, at + 1),
        _ => None,
    }
}

fn url(bytes: &[u8], at: usize) -> Option<usize> {
    let scheme = run(bytes, at, |b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    if scheme - at > 12 || !bytes[scheme..].starts_with(b"://") {
        return None;
    }
    let end = run(bytes, scheme + 3, |b| !b.is_ascii_whitespace() && !b"\"'<>()[]{},;".contains(&b));
    (end > scheme + 3).then(|| trim(bytes, at, end))
}

/// A sentence's full stop or colon after a value is not part of it.
fn trim(bytes: &[u8], at: usize, mut end: usize) -> usize {
    while end > at + 1 && b".:,".contains(&bytes[end - 1]) {
        end -= 1;
    }
    end
}

fn drive_path(bytes: &[u8], at: usize) -> Option<usize> {
    (is(bytes, at + 1, b':') && is(bytes, at + 2, b'\\'))
        .then(|| run(bytes, at + 3, |b| !b.is_ascii_whitespace() && !b"\"'<>|,;".contains(&b)))
}

/// An absolute path of two or more segments; a single segment (`/login`) says what a line is about and stays.
fn path(bytes: &[u8], at: usize) -> Option<usize> {
    let end =
        trim(bytes, at, run(bytes, at, |b| !b.is_ascii_whitespace() && !b"\"'<>()[]{},;|".contains(&b)));
    let inner = bytes[at + 1..end].iter().position(|&b| b == b'/')?;
    (inner > 0 && at + 1 + inner + 1 < end).then_some(end)
}

fn uuid(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    for (group, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 {
            if !is(bytes, end, b'-') {
                return None;
            }
            end += 1;
        }
        let next = run(bytes, end.min(bytes.len()), |b| b.is_ascii_hexdigit());
        if next - end != length {
            return None;
        }
        end = next;
    }
    word_ends(bytes, end).then_some(end)
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// `Jun  4`, as syslog writes it; the time after it melts into the same mask.
fn month_day(bytes: &[u8], at: usize) -> Option<usize> {
    let name = bytes.get(at..at + 3)?;
    if !MONTHS.iter().any(|month| month.as_slice() == name) {
        return None;
    }
    let day = run(bytes, at + 3, |b| b == b' ');
    let end = digits(bytes, day);
    (day > at + 3 && (1..=2).contains(&(end - day)) && word_ends(bytes, end)).then_some(end)
}

/// `2026-11-22`, `2026/11/22`, with or without time, fraction and zone.
fn iso_time(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    for (group, length) in [4, 2, 2].into_iter().enumerate() {
        if group > 0 {
            if !is(bytes, end, b'-') && !is(bytes, end, b'/') {
                return None;
            }
            end += 1;
        }
        if digits(bytes, end) - end != length {
            return None;
        }
        end += length;
    }
    if (is(bytes, end, b'T') || is(bytes, end, b' '))
        && let Some(after) = clock_digits(bytes, end + 1)
    {
        end = zone(bytes, after);
    }
    word_ends(bytes, end).then_some(end)
}

/// End of the zone behind a time: `Z`, `+09:00`, `-0500` or nothing.
fn zone(bytes: &[u8], at: usize) -> usize {
    if is(bytes, at, b'Z') {
        return at + 1;
    }
    if is(bytes, at, b'+') || is(bytes, at, b'-') {
        let end = run(bytes, at + 1, |b| b.is_ascii_digit() || b == b':');
        if end >= at + 3 {
            return end;
        }
    }
    at
}

/// `hh:mm`, `hh:mm:ss`, `hh:mm:ss.fraction`.
fn clock(bytes: &[u8], at: usize) -> Option<usize> {
    clock_digits(bytes, at).filter(|&end| word_ends(bytes, end) && !is(bytes, end, b':'))
}

fn clock_digits(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = digits(bytes, at);
    if !(1..=2).contains(&end.checked_sub(at)?) {
        return None;
    }
    let mut parts = 1;
    while parts < 3 && is(bytes, end, b':') && digits(bytes, end + 1) - (end + 1) == 2 {
        end += 3;
        parts += 1;
    }
    if parts == 1 {
        return None;
    }
    if (is(bytes, end, b'.') || is(bytes, end, b',')) && digits(bytes, end + 1) > end + 1 {
        end = digits(bytes, end + 1);
    }
    Some(end)
}

/// MAC addresses and IPv6, with the port or prefix length behind.
fn colon_hex(bytes: &[u8], at: usize) -> Option<usize> {
    let end = run(bytes, at, |b| b.is_ascii_hexdigit() || b == b':');
    let whole = &bytes[at..end];
    let end = if whole.ends_with(b":") && !whole.ends_with(b"::") { end - 1 } else { end };
    let whole = &bytes[at..end];
    let colons = whole.split(|&b| b == b':').count() - 1;
    let short = whole.windows(2).any(|pair| pair == b"::") && whole.iter().any(u8::is_ascii_digit);
    let groups_fit = whole.split(|&b| b == b':').all(|group| group.len() <= 5);
    ((colons >= 3 || (short && colons >= 2)) && groups_fit && word_ends(bytes, end))
        .then(|| if is(bytes, end, b'/') { digits(bytes, end + 1).max(end) } else { end })
}

/// An IPv4 address, with the port or prefix length behind.
fn ipv4(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    for part in 0..4 {
        if part > 0 {
            if !is(bytes, end, b'.') {
                return None;
            }
            end += 1;
        }
        let next = digits(bytes, end);
        if !(1..=3).contains(&(next - end)) {
            return None;
        }
        end = next;
    }
    if (is(bytes, end, b':') || is(bytes, end, b'/')) && digits(bytes, end + 1) > end + 1 {
        end = digits(bytes, end + 1);
    }
    word_ends(bytes, end).then_some(end)
}

fn mail(bytes: &[u8], at: usize) -> Option<usize> {
    let name = run(bytes, at, |b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    if !is(bytes, name, b'@') {
        return None;
    }
    let end = trim(bytes, at, run(bytes, name + 1, |b| b.is_ascii_alphanumeric() || b".-".contains(&b)));
    (end > name + 1 && bytes[name..end].contains(&b'.')).then_some(end)
}

/// `db-01:5432`, `proxy.example.org:80`: a name that holds a dot or a digit, or `localhost`, and a port.
fn host_port(bytes: &[u8], at: usize) -> Option<usize> {
    let name = run(bytes, at, |b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let end = digits(bytes, name + 1);
    let host = &bytes[at..name];
    let named = host == b"localhost" || host.iter().any(|b| b.is_ascii_digit() || *b == b'.');
    (is(bytes, name, b':') && end > name + 1 && end - name <= 6 && named && word_ends(bytes, end))
        .then_some(end)
}

/// `0x7f3a`, or six or more hex digits with both letters and digits among them.
fn hex(bytes: &[u8], at: usize) -> Option<usize> {
    if is(bytes, at, b'0') && (is(bytes, at + 1, b'x') || is(bytes, at + 1, b'X')) {
        let end = run(bytes, at + 2, |b| b.is_ascii_hexdigit());
        return (end > at + 2 && word_ends(bytes, end)).then_some(end);
    }
    let end = run(bytes, at, |b| b.is_ascii_hexdigit());
    let whole = &bytes[at..end];
    (whole.len() >= 6
        && whole.iter().any(u8::is_ascii_digit)
        && whole.iter().any(u8::is_ascii_alphabetic)
        && word_ends(bytes, end))
    .then_some(end)
}

/// A number with its fraction or thousands, and the unit glued to it or behind it.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = digits(bytes, at);
    while (is(bytes, end, b'.') || is(bytes, end, b',')) && digits(bytes, end + 1) > end + 1 {
        end = digits(bytes, end + 1);
    }
    if is(bytes, end, b'%') {
        return Some(end + 1);
    }
    let unit = run(bytes, end, is_word);
    if unit > end {
        return is_unit(&bytes[end..unit]).then_some(unit);
    }
    if is(bytes, end, b' ') {
        let size = run(bytes, end + 1, is_word);
        if is_size(&bytes[end + 1..size]) {
            return Some(size);
        }
    }
    Some(end)
}

fn is_unit(word: &[u8]) -> bool {
    is_size(word)
        || [b"ms".as_slice(), b"s", b"us", b"ns", b"sec", b"min", b"m", b"h", b"d", b"k", b"K", b"M", b"G"]
            .contains(&word)
        || word == "µs".as_bytes()
}

fn is_size(word: &[u8]) -> bool {
    [b"bytes".as_slice(), b"byte", b"B", b"KB", b"kB", b"MB", b"GB", b"TB", b"KiB", b"MiB", b"GiB", b"TiB"]
        .contains(&word)
}

/// `(1.86 KB)`, which some programs add to a size in bytes when it is large: it would make two templates of one.
fn size_echo(bytes: &[u8], at: usize) -> Option<usize> {
    if !is(bytes, at, b'(') || !bytes.get(at + 1)?.is_ascii_digit() {
        return None;
    }
    let end = number(bytes, at + 1)?;
    let sized = bytes[at + 1..end].iter().any(|b| *b == b'B' || *b == b'b');
    (sized && is(bytes, end, b')')).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    fn masked(line: &str) -> String {
        let mut out = String::new();
        super::mask(line, &mut out);
        out
    }

    #[test]
    fn values_become_wildcards_and_words_stay() {
        for (line, wanted) in [
            ("GET https://example.org/a?b=1 took 12ms", "GET <*> took <*>"),
            ("id 550e8400-e29b-41d4-a716-446655440000 done", "id <*> done"),
            ("at 2026-11-22T10:00:00.123+09:00 by cron", "at <*> by cron"),
            ("Jun  4 15:16:01 combo started", "<*> combo started"),
            ("link aa:bb:cc:dd:ee:ff up", "link <*> up"),
            ("from fe80::1 and ::1 to 2001:db8::2/64", "from <*> and <*> to <*>"),
            ("peer 10.0.0.7:5432 gone", "peer <*> gone"),
            ("mail to ops@example.org.", "mail to <*>."),
            ("open db-01:5432 refused", "open <*> refused"),
            ("read /var/lib/x/y.db failed", "read <*> failed"),
            ("GET /login 200", "GET /login <*>"),
            ("bad C:\\Users\\x\\y here", "bad <*> here"),
            ("addr 0xdeadbeef commit 1a2b3c4 word deadbeef", "addr <*> commit <*> word deadbeef"),
            ("block blk_-74834 of eth0", "block blk_<*> of eth0"),
            ("sent 1910 bytes (1.86 KB), got 276 bytes", "sent <*>, got <*>"),
            ("cpu 97% load 1,5 ratio -0.5", "cpu <*> load <*> ratio <*>"),
            ("ids 1, 2, 3 4", "ids <*>"),
            ("sshd[24200]: fail", "sshd[<*>]: fail"),
            ("std::vec::Vec is not an address", "std::vec::Vec is not an address"),
            ("  many \t blanks  ", "many blanks"),
            ("ünïcode 5 日本語7", "ünïcode <*> 日本語7"),
        ] {
            assert_eq!(masked(line), wanted, "{line}");
        }
    }

    #[test]
    fn masking_twice_changes_nothing_more() {
        for line in ["took 12ms at /a/b/c from 10.0.0.1", "a.b:1 x_7", "(1.2 KB) 3"] {
            let once = masked(line);
            assert_eq!(masked(&once), once);
        }
    }
}
