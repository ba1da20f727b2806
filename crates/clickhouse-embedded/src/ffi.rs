//! The part of libchdb's C interface that is used here, loaded at run time.
//!
//! `unsafe` is confined to this file: a C library found with `dlopen` cannot be called without it. What the header
//! (`programs/local/chdb.h` of chdb 26.7) demands, and how it is kept:
//!
//! - a connection runs one statement at a time: [`Connection`] takes `&mut self`;
//! - every result is destroyed once, and no longer used after its connection: [`Output`] copies what it needs out of
//!   the result and destroys it at once;
//! - one data directory per process, and the engine lives while one connection is open: [`crate::engine::Engine`]
//!   holds an anchor connection.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

type RawConnection = *mut c_void;
type RawResult = *mut c_void;

/// Why the library cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("libchdb.so not found at {}\nhint: run `cargo xtask servers`", .0.display())]
    Missing(PathBuf),
    /// The dynamic linker refused the file, or a function is missing from it.
    #[error("cannot load {}: {source}\nhint: run `cargo xtask servers` to get the pinned version", path.display())]
    Unusable {
        /// The file tried.
        path: PathBuf,
        /// What the dynamic linker says.
        source: libloading::Error,
    },
}

/// The functions of a loaded libchdb.
pub struct Api {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut RawConnection,
    close_conn: unsafe extern "C" fn(*mut RawConnection),
    query: unsafe extern "C" fn(
        RawConnection,
        *const c_char,
        usize,
        *const c_char,
        usize,
        *const *const c_char,
        *const usize,
        *const *const c_char,
        *const usize,
        usize,
    ) -> RawResult,
    destroy_result: unsafe extern "C" fn(RawResult),
    result_buffer: unsafe extern "C" fn(RawResult) -> *const c_char,
    result_length: unsafe extern "C" fn(RawResult) -> usize,
    result_error: unsafe extern "C" fn(RawResult) -> *const c_char,
    rows_read: unsafe extern "C" fn(RawResult) -> u64,
    storage_rows_read: unsafe extern "C" fn(RawResult) -> u64,
    storage_bytes_read: unsafe extern "C" fn(RawResult) -> u64,
    bytes_read: unsafe extern "C" fn(RawResult) -> u64,
    rows_written: unsafe extern "C" fn(RawResult) -> u64,
    bytes_written: unsafe extern "C" fn(RawResult) -> u64,
    classify: unsafe extern "C" fn(
        RawConnection,
        *const c_char,
        usize,
        *const c_char,
        usize,
        *mut QueryAnalysis,
    ) -> c_int,
}

/// `chdb_query_analysis_v1` of the header.
#[repr(C)]
#[derive(Default)]
struct QueryAnalysis {
    struct_size: u32,
    statement_count: u32,
    flags: u32,
    query_class: u32,
}

impl Api {
    /// Loads the library and turns its signal handlers off (it would catch SIGSEGV and SIGABRT for the whole process).
    pub fn load(path: &Path) -> Result<Arc<Self>, LoadError> {
        if !path.is_file() {
            return Err(LoadError::Missing(path.to_owned()));
        }
        let unusable = |source| LoadError::Unusable { path: path.to_owned(), source };
        // SAFETY: libchdb's initialisers set up its allocator and globals and touch nothing of ours.
        let library = unsafe { libloading::Library::new(path) }.map_err(unusable)?;
        // The engine's background threads run its code until the process ends, so it is never unloaded.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        // SAFETY: the types of the fields are those of the header.
        let (api, set_signal_handlers) = unsafe {
            let set_signal_handlers: unsafe extern "C" fn(c_int) =
                symbol(library, "chdb_set_signal_handlers_enabled").map_err(unusable)?;
            let load = || -> Result<Self, libloading::Error> {
                Ok(Self {
                    connect: symbol(library, "chdb_connect")?,
                    close_conn: symbol(library, "chdb_close_conn")?,
                    query: symbol(library, "chdb_query_with_params_n")?,
                    destroy_result: symbol(library, "chdb_destroy_query_result")?,
                    result_buffer: symbol(library, "chdb_result_buffer")?,
                    result_length: symbol(library, "chdb_result_length")?,
                    result_error: symbol(library, "chdb_result_error")?,
                    rows_read: symbol(library, "chdb_result_rows_read")?,
                    bytes_read: symbol(library, "chdb_result_bytes_read")?,
                    storage_rows_read: symbol(library, "chdb_result_storage_rows_read")?,
                    storage_bytes_read: symbol(library, "chdb_result_storage_bytes_read")?,
                    rows_written: symbol(library, "chdb_result_rows_written")?,
                    bytes_written: symbol(library, "chdb_result_bytes_written")?,
                    classify: symbol(library, "chdb_classify_query_n")?,
                })
            };
            (load().map_err(unusable)?, set_signal_handlers)
        };
        // SAFETY: called before the first connection, as the header asks.
        unsafe { set_signal_handlers(0) };
        Ok(Arc::new(api))
    }

    /// Opens a connection; `None` where the engine refuses (it says why on stderr).
    pub fn connect(self: &Arc<Self>, arguments: &[String]) -> Option<Connection> {
        let mut owned: Vec<CString> = vec![CString::from(c"clickhouse")];
        owned.extend(arguments.iter().map(|argument| CString::new(argument.as_str()).unwrap_or_default()));
        let mut pointers: Vec<*mut c_char> =
            owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        // SAFETY: `pointers` holds as many NUL-terminated strings as the count says; the engine copies them.
        let raw = unsafe { (self.connect)(pointers.len() as c_int, pointers.as_mut_ptr()) };
        if raw.is_null() {
            return None;
        }
        Some(Connection { api: Arc::clone(self), raw })
    }
}

/// Finds a symbol of whatever function type the field has.
///
/// # Safety
/// `T` must be the function's type in the header.
unsafe fn symbol<T: Copy>(library: &libloading::Library, name: &str) -> Result<T, libloading::Error> {
    // SAFETY: the caller vouches for the type.
    unsafe { library.get::<T>(name.as_bytes()) }.map(|symbol| *symbol)
}

/// An open connection: one statement at a time, with its own settings, current database and temporary tables.
pub struct Connection {
    api: Arc<Api>,
    raw: *mut RawConnection,
}

// SAFETY: the header allows a connection to be used from any thread as long as calls do not overlap, and every call
// here takes `&mut self`.
unsafe impl Send for Connection {}

/// What one statement did and gave.
#[derive(Debug, Default, Clone)]
pub struct Output {
    /// The result in the output format.
    pub data: Vec<u8>,
    /// Rows read from tables and table functions, or from the data of an INSERT.
    pub read_rows: u64,
    /// Bytes of these rows in memory.
    pub read_bytes: u64,
    /// Rows written, those of materialized views included.
    pub written_rows: u64,
    /// Bytes of these rows in memory.
    pub written_bytes: u64,
    /// Rows in the result.
    pub result_rows: u64,
    /// Bytes of these rows in memory.
    pub result_bytes: u64,
}

impl Connection {
    /// Runs one statement. The error is the engine's own text (`Code: 60. DB::Exception: …`).
    pub fn query(&mut self, sql: &[u8], format: &str, params: &[(String, String)]) -> Result<Output, String> {
        let names: Vec<*const c_char> = params.iter().map(|(name, _)| name.as_ptr().cast()).collect();
        let name_lengths: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = params.iter().map(|(_, value)| value.as_ptr().cast()).collect();
        let value_lengths: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: the connection is open until `drop`; all pointers and lengths describe live memory, which the engine
        // reads during the call only.
        let result = unsafe {
            (self.api.query)(
                *self.raw,
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                params.len(),
            )
        };
        if result.is_null() {
            return Err(
                "Code: 1002. DB::Exception: the engine returned no result. (UNKNOWN_EXCEPTION)".to_owned()
            );
        }
        // SAFETY: `result` is a live result of this connection, destroyed exactly once below.
        unsafe {
            let error = (self.api.result_error)(result);
            let output = if error.is_null() {
                let (buffer, length) = ((self.api.result_buffer)(result), (self.api.result_length)(result));
                let data = if buffer.is_null() || length == 0 {
                    Vec::new()
                } else {
                    std::slice::from_raw_parts(buffer.cast::<u8>(), length).to_vec()
                };
                let (rows, bytes) = ((self.api.rows_read)(result), (self.api.bytes_read)(result));
                let written_rows = (self.api.rows_written)(result);
                Ok(Output {
                    data,
                    read_rows: (self.api.storage_rows_read)(result).max(if written_rows > 0 {
                        rows
                    } else {
                        0
                    }),
                    read_bytes: (self.api.storage_bytes_read)(result).max(if written_rows > 0 {
                        bytes
                    } else {
                        0
                    }),
                    written_rows,
                    written_bytes: (self.api.bytes_written)(result),
                    result_rows: rows,
                    result_bytes: bytes,
                })
            } else {
                Err(CStr::from_ptr(error).to_string_lossy().into_owned())
            };
            (self.api.destroy_result)(result);
            output
        }
    }

    /// Whether the engine's own parser says that the text only reads (SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK).
    pub fn is_read_only(&mut self, sql: &[u8]) -> bool {
        const READ_ONLY: u32 = 0;
        let mut analysis =
            QueryAnalysis { struct_size: size_of::<QueryAnalysis>() as u32, ..QueryAnalysis::default() };
        // SAFETY: the connection is open, the struct has the size it states, no target database is given.
        let state = unsafe {
            (self.api.classify)(*self.raw, sql.as_ptr().cast(), sql.len(), ptr::null(), 0, &raw mut analysis)
        };
        state == 0 && analysis.query_class == READ_ONLY
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `chdb_connect` and is closed here only.
        unsafe { (self.api.close_conn)(self.raw) };
    }
}
