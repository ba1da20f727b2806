//! Reading the journal, entry by entry.

#![allow(unsafe_code, reason = "calling a C library")]

use crate::access;
use crate::entry::{Cursor, Entry, Fields, Id128, Seqnum};
use crate::error::Error;
use crate::library::{Library, SdId128, SdJournal};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// An open journal with a place in it.
///
/// libsystemd wants a journal to be used by the thread that opened it, so this type is neither `Send` nor `Sync`:
///
/// ```compile_fail
/// fn send<T: Send>() {}
/// send::<journal::Journal>();
/// ```
pub struct Journal {
    raw: NonNull<SdJournal>,
    /// The entry under the read position was not handed out yet.
    pending: bool,
    library: Library,
}

/// What [`Journal::seek_cursor`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// The entry of the cursor is there; the one after it comes next.
    Exact,
    /// The entry is gone (vacuumed, or moved and renumbered); the closest one that is left comes next and may or may
    /// not have been read before.
    Closest,
    /// There is nothing at or behind the place of the cursor.
    Nothing,
}

/// What [`Journal::wait`] saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing happened in the given time.
    Nothing,
    /// There are new entries.
    Appended,
    /// Journal files were added or removed; there may be new entries too. The first wait always answers this.
    Invalidated,
}

/// `SD_JOURNAL_LOCAL_ONLY`: not what other machines sent to this one.
const LOCAL_ONLY: c_int = 1;

impl Journal {
    /// Opens the journal of this machine, all boots and all users, after checking that it may be read.
    /// `library` replaces [`crate::DEFAULT_LIBRARY`]. The place is before the oldest entry.
    pub fn open_system(library: Option<&Path>) -> Result<Self, Error> {
        let library = Library::load(library)?;
        access::check(&access::system_directories())?;
        Self::open(library, "of the system", |library, raw| {
            // SAFETY: `raw` is a valid place for the result.
            unsafe { (library.sd_journal_open)(raw, LOCAL_ONLY) }
        })
    }

    /// Opens the journal files in a directory.
    pub fn open_directory(library: Option<&Path>, directory: &Path) -> Result<Self, Error> {
        let library = Library::load(library)?;
        let place = directory.display().to_string();
        let Ok(path) = CString::new(directory.as_os_str().as_bytes()) else {
            let source = io::Error::from(io::ErrorKind::InvalidInput);
            return Err(Error::Open { place, source });
        };
        Self::open(library, &place, |library, raw| {
            // SAFETY: `raw` is a valid place for the result, `path` ends with a zero byte and outlives the call.
            unsafe { (library.sd_journal_open_directory)(raw, path.as_ptr(), 0) }
        })
    }

    fn open(
        library: Library,
        place: &str,
        open: impl FnOnce(&Library, *mut *mut SdJournal) -> c_int,
    ) -> Result<Self, Error> {
        let mut raw = ptr::null_mut();
        let code = open(&library, &raw mut raw);
        let failed = |source| Error::Open { place: place.to_owned(), source };
        if code < 0 {
            return Err(failed(io::Error::from_raw_os_error(-code)));
        }
        let raw = NonNull::new(raw).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let mut journal = Self { raw, pending: false, library };
        // The default of 64 KiB cuts longer values without a word.
        // SAFETY: the journal is open.
        let code = unsafe { (journal.library.sd_journal_set_data_threshold)(raw.as_ptr(), 0) };
        check("set data threshold", code)?;
        journal.seek_head()?;
        Ok(journal)
    }

    /// Goes before the oldest entry.
    pub fn seek_head(&mut self) -> Result<(), Error> {
        self.pending = false;
        // SAFETY: the journal is open.
        check("seek to the oldest entry", unsafe { (self.library.sd_journal_seek_head)(self.raw.as_ptr()) })?;
        Ok(())
    }

    /// Goes behind the newest entry: only what is appended from now on comes next.
    pub fn seek_tail(&mut self) -> Result<(), Error> {
        self.pending = false;
        // SAFETY: the journal is open.
        check("seek to the newest entry", unsafe { (self.library.sd_journal_seek_tail)(self.raw.as_ptr()) })?;
        // The tail itself is no entry, and going on from there is not defined: stand on the newest entry.
        // SAFETY: the journal is open.
        let code = unsafe { (self.library.sd_journal_previous)(self.raw.as_ptr()) };
        if check("step to the newest entry", code)? == 0 {
            self.seek_head()?;
        }
        Ok(())
    }

    /// Goes to a stored place, so that [`Journal::next_entry`] hands out what was not read yet, and nothing is skipped
    /// even if the entry of the cursor is gone.
    pub fn seek_cursor(&mut self, cursor: &Cursor) -> Result<Resumed, Error> {
        let bad = || Error::BadCursor(cursor.as_str().to_owned());
        let text = CString::new(cursor.as_str()).map_err(|_| bad())?;
        self.pending = false;
        // SAFETY: the journal is open, `text` ends with a zero byte and outlives the call.
        let code = unsafe { (self.library.sd_journal_seek_cursor)(self.raw.as_ptr(), text.as_ptr()) };
        if code == -libc::EINVAL {
            return Err(bad());
        }
        check("seek to a cursor", code)?;
        if self.step()? == 0 {
            return Ok(Resumed::Nothing);
        }
        // SAFETY: as above, and there is a current entry.
        let code = unsafe { (self.library.sd_journal_test_cursor)(self.raw.as_ptr(), text.as_ptr()) };
        if check("compare with a cursor", code)? > 0 {
            return Ok(Resumed::Exact);
        }
        self.pending = true;
        Ok(Resumed::Closest)
    }

    /// Goes to the first entry at or after a time of the wall clock, microseconds since the epoch.
    pub fn seek_realtime(&mut self, realtime_us: u64) -> Result<(), Error> {
        self.pending = false;
        // SAFETY: the journal is open.
        let code = unsafe { (self.library.sd_journal_seek_realtime_usec)(self.raw.as_ptr(), realtime_us) };
        check("seek to a time", code)?;
        Ok(())
    }

    /// Goes to the first entry at or after a time of one boot, microseconds since that boot.
    pub fn seek_monotonic(&mut self, boot_id: Id128, monotonic_us: u64) -> Result<(), Error> {
        self.pending = false;
        let half = |range: std::ops::Range<usize>| {
            u64::from_ne_bytes(std::array::from_fn(|i| boot_id.0[range.start + i]))
        };
        let boot = SdId128 { qwords: [half(0..8), half(8..16)] };
        // SAFETY: the journal is open.
        let code =
            unsafe { (self.library.sd_journal_seek_monotonic_usec)(self.raw.as_ptr(), boot, monotonic_us) };
        check("seek to a time of a boot", code)?;
        Ok(())
    }

    /// The next entry, oldest first; none at the end, where [`Journal::wait`] tells when to ask again.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Error> {
        if !std::mem::take(&mut self.pending) && self.step()? == 0 {
            return Ok(None);
        }
        let (monotonic_us, boot_id) = self.monotonic()?;
        Ok(Some(Entry {
            realtime_us: self.realtime()?,
            monotonic_us,
            boot_id,
            cursor: self.cursor()?,
            seqnum: self.seqnum()?,
            fields: self.fields()?,
        }))
    }

    /// Waits until something changes, at most so long. A change can turn out to hold no new entry.
    pub fn wait(&mut self, timeout: Duration) -> Result<Change, Error> {
        let micros = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        // SAFETY: the journal is open.
        let code = unsafe { (self.library.sd_journal_wait)(self.raw.as_ptr(), micros) };
        Ok(match check("wait for entries", code)? {
            0 => Change::Nothing,
            1 => Change::Appended,
            _ => Change::Invalidated,
        })
    }

    /// Whether this libsystemd tells sequence numbers (254 or newer).
    pub fn has_seqnum(&self) -> bool {
        self.library.sd_journal_get_seqnum.is_some()
    }

    fn step(&mut self) -> Result<c_int, Error> {
        // SAFETY: the journal is open.
        check("step to the next entry", unsafe { (self.library.sd_journal_next)(self.raw.as_ptr()) })
    }

    fn realtime(&self) -> Result<u64, Error> {
        let mut micros = 0;
        // SAFETY: the journal is open and on an entry, `micros` is a valid place for the result.
        let code = unsafe { (self.library.sd_journal_get_realtime_usec)(self.raw.as_ptr(), &raw mut micros) };
        check("read the time of an entry", code)?;
        Ok(micros)
    }

    fn monotonic(&self) -> Result<(u64, Id128), Error> {
        let (mut micros, mut boot) = (0, SdId128::default());
        // SAFETY: the journal is open and on an entry, both are valid places for the results.
        let code = unsafe {
            (self.library.sd_journal_get_monotonic_usec)(self.raw.as_ptr(), &raw mut micros, &raw mut boot)
        };
        check("read the time since boot of an entry", code)?;
        Ok((micros, Id128(boot.bytes())))
    }

    fn cursor(&self) -> Result<Cursor, Error> {
        let mut text: *mut c_char = ptr::null_mut();
        // SAFETY: the journal is open and on an entry, `text` is a valid place for the result.
        let code = unsafe { (self.library.sd_journal_get_cursor)(self.raw.as_ptr(), &raw mut text) };
        check("read the cursor of an entry", code)?;
        // SAFETY: on success libsystemd made a string that ends with a zero byte, and it is ours.
        let cursor = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        // SAFETY: the string came from malloc and nothing points to it any more.
        unsafe { libc::free(text.cast::<c_void>()) };
        Ok(Cursor::new(cursor))
    }

    fn seqnum(&self) -> Result<Option<Seqnum>, Error> {
        let Some(get) = self.library.sd_journal_get_seqnum else { return Ok(None) };
        let (mut number, mut sequence) = (0, SdId128::default());
        // SAFETY: the journal is open and on an entry, both are valid places for the results.
        let code = unsafe { get(self.raw.as_ptr(), &raw mut number, &raw mut sequence) };
        check("read the sequence number of an entry", code)?;
        Ok(Some(Seqnum { sequence: Id128(sequence.bytes()), number }))
    }

    fn fields(&mut self) -> Result<Fields, Error> {
        let mut fields = Fields::default();
        // SAFETY: the journal is open.
        unsafe { (self.library.sd_journal_restart_data)(self.raw.as_ptr()) };
        loop {
            let (mut data, mut length) = (ptr::null(), 0);
            // SAFETY: the journal is open and on an entry, both are valid places for the results.
            let code = unsafe {
                (self.library.sd_journal_enumerate_available_data)(
                    self.raw.as_ptr(),
                    &raw mut data,
                    &raw mut length,
                )
            };
            if check("read a field", code)? == 0 {
                return Ok(fields);
            }
            // SAFETY: on success `data` points to `length` bytes, valid until the next call on this journal; they
            // are copied before that.
            fields.push_data(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) });
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // SAFETY: the journal is open, and this is its last use.
        unsafe { (self.library.sd_journal_close)(self.raw.as_ptr()) };
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("pending", &self.pending).finish_non_exhaustive()
    }
}

/// libsystemd returns a negative errno on failure.
fn check(action: &'static str, code: c_int) -> Result<c_int, Error> {
    if code >= 0 {
        return Ok(code);
    }
    let source = io::Error::from_raw_os_error(-code);
    // Bad message, or a needed piece that is not there: the file is damaged, not the reader.
    Err(match -code {
        libc::EBADMSG | libc::ENOENT | libc::EADDRNOTAVAIL | libc::EIO => Error::Damaged { action, source },
        _ => Error::Call { action, source },
    })
}
