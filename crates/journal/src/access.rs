//! Whether this user may read the journal at all.
//!
//! libsystemd opens a journal without permission gladly and shows it empty. For a log shipper that is the worst
//! answer: it would run for months and ship nothing.

use crate::error::Error;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where journald keeps its files.
pub const SYSTEM_DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// The file that holds what the system's services log, in a directory for each machine id.
const SYSTEM_FILE: &str = "system.journal";

/// Checks that the system's journal exists below one of these directories and can be read.
pub fn check(directories: &[impl AsRef<Path>]) -> Result<(), Error> {
    let mut refused = None;
    for directory in directories {
        let machines = match fs::read_dir(directory) {
            Ok(machines) => machines,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                refused = Some(directory.as_ref().to_owned());
                continue;
            }
            Err(_) => continue,
        };
        for machine in machines.flatten() {
            let file = machine.path().join(SYSTEM_FILE);
            match File::open(&file) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => refused = Some(file),
                Err(_) => {}
            }
        }
    }
    Err(match refused {
        Some(path) => Error::NoPermission { path },
        None => {
            Error::NoJournal { searched: directories.iter().map(|dir| dir.as_ref().to_owned()).collect() }
        }
    })
}

/// [`SYSTEM_DIRECTORIES`] as paths.
pub(crate) fn system_directories() -> Vec<PathBuf> {
    SYSTEM_DIRECTORIES.iter().map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_journal_that_can_be_read_is_found_in_any_of_the_directories() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("var"), dir.path().join("run"));
        let error = check(&[&first, &second]).unwrap_err().to_string();
        let places = format!("{} or {}", first.display(), second.display());
        assert_eq!(error, format!("no journal found below {places}\nhint: is systemd-journald running?"));
        fs::create_dir_all(second.join("0123456789abcdef")).unwrap();
        assert!(matches!(check(&[&first, &second]), Err(Error::NoJournal { .. })));
        fs::write(second.join("0123456789abcdef/system.journal"), "").unwrap();
        check(&[&first, &second]).unwrap();
    }

    #[test]
    fn a_journal_that_may_not_be_read_says_who_may() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("0123456789abcdef/system.journal");
        fs::create_dir(dir.path().join("0123456789abcdef")).unwrap();
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
        if File::open(&file).is_ok() {
            eprintln!("skipped: a_journal_that_may_not_be_read_says_who_may: this user may read everything");
            return;
        }
        let error = check(&[dir.path()]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} may not be read by this user\n", file.display())), "{error}");
        assert!(error.contains("hint: add the user to the group systemd-journal"), "{error}");
    }
}
