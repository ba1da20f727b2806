//! libsystemd, loaded at run time.
//!
//! Linking to it would make the whole workspace need its headers to build, and one binary would refuse to start where
//! it is missing although only one of its sources needs it.

#![allow(unsafe_code, reason = "calling a C library")]

use crate::error::Error;
use std::ffi::{OsStr, c_char, c_int, c_void};
use std::path::Path;

/// The name that every distribution gives the library. A build for Nix names the file itself, because nothing is in
/// the loader's search path there.
pub const DEFAULT_LIBRARY: &str = match option_env!("YAGURA_LIBSYSTEMD") {
    Some(path) => path,
    None => "libsystemd.so.0",
};

/// `sd_journal`, which only the library looks into.
#[repr(C)]
pub(crate) struct SdJournal {
    _private: [u8; 0],
}

/// `sd_id128_t`: a union of 16 bytes and two `uint64_t`, so this has its size, alignment and calling convention.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct SdId128 {
    pub(crate) qwords: [u64; 2],
}

impl SdId128 {
    pub(crate) fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.qwords[0].to_ne_bytes());
        bytes[8..].copy_from_slice(&self.qwords[1].to_ne_bytes());
        bytes
    }
}

/// Declares the functions of the library that are used, and loads them all.
macro_rules! functions {
    ($($(#[$meta:meta])* $name:ident: fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        /// The functions, valid as long as the library is loaded.
        pub(crate) struct Library {
            $($(#[$meta])* pub(crate) $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
            /// systemd 254.
            pub(crate) sd_journal_get_seqnum:
                Option<unsafe extern "C" fn(*mut SdJournal, *mut u64, *mut SdId128) -> c_int>,
            // Last: fields are dropped in order, and the functions must not outlive it.
            _keep: libloading::Library,
        }

        impl Library {
            /// Loads the library: this file, else [`DEFAULT_LIBRARY`].
            pub(crate) fn load(path: Option<&Path>) -> Result<Self, Error> {
                let name: &OsStr = path.map_or(OsStr::new(DEFAULT_LIBRARY), Path::as_os_str);
                // SAFETY: loading runs the library's initialisers. libsystemd's have no requirements, and whoever
                // gives another path vouches for that file.
                let library = unsafe { libloading::Library::new(name) }.map_err(|error| Error::LibraryMissing {
                    library: name.to_string_lossy().into_owned(),
                    reason: error.to_string(),
                })?;
                let missing = |symbol| Error::SymbolMissing { library: name.to_string_lossy().into_owned(), symbol };
                Ok(Self {
                    $($name: {
                        // SAFETY: the type is the function's declaration in <systemd/sd-journal.h>.
                        *unsafe { library.get(concat!(stringify!($name), "\0").as_bytes()) }
                            .map_err(|_| missing(stringify!($name)))?
                    },)*
                    // SAFETY: as above.
                    sd_journal_get_seqnum: unsafe { library.get(b"sd_journal_get_seqnum\0") }.ok().map(|f| *f),
                    _keep: library,
                })
            }
        }
    };
}

functions! {
    sd_journal_open: fn(*mut *mut SdJournal, c_int) -> c_int;
    sd_journal_open_directory: fn(*mut *mut SdJournal, *const c_char, c_int) -> c_int;
    sd_journal_close: fn(*mut SdJournal);
    sd_journal_set_data_threshold: fn(*mut SdJournal, usize) -> c_int;
    sd_journal_seek_head: fn(*mut SdJournal) -> c_int;
    sd_journal_seek_tail: fn(*mut SdJournal) -> c_int;
    sd_journal_seek_cursor: fn(*mut SdJournal, *const c_char) -> c_int;
    sd_journal_seek_realtime_usec: fn(*mut SdJournal, u64) -> c_int;
    sd_journal_seek_monotonic_usec: fn(*mut SdJournal, SdId128, u64) -> c_int;
    sd_journal_test_cursor: fn(*mut SdJournal, *const c_char) -> c_int;
    sd_journal_next: fn(*mut SdJournal) -> c_int;
    sd_journal_previous: fn(*mut SdJournal) -> c_int;
    sd_journal_get_cursor: fn(*mut SdJournal, *mut *mut c_char) -> c_int;
    sd_journal_get_realtime_usec: fn(*mut SdJournal, *mut u64) -> c_int;
    sd_journal_get_monotonic_usec: fn(*mut SdJournal, *mut u64, *mut SdId128) -> c_int;
    sd_journal_restart_data: fn(*mut SdJournal);
    sd_journal_enumerate_available_data: fn(*mut SdJournal, *mut *const c_void, *mut usize) -> c_int;
    sd_journal_wait: fn(*mut SdJournal, u64) -> c_int;
}
