//! Secrets: read from a file or a systemd credential, never from the command line, never printed.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A password or token. It has no `Display`, its `Debug` prints `***`, and it is only made from a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret could not be read. Names the file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be opened or read.
    #[error("secret `{name}`: read {}: {source}", path.display())]
    Read {
        /// Name of the secret.
        name: String,
        /// The file it should come from.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something that is no text.
    #[error("secret `{name}`: {} is not UTF-8 text", path.display())]
    NotText {
        /// Name of the secret.
        name: String,
        /// The file it came from.
        path: PathBuf,
    },
    /// The file is empty, which is never meant.
    #[error("secret `{name}`: {} is empty", path.display())]
    Empty {
        /// Name of the secret.
        name: String,
        /// The file it came from.
        path: PathBuf,
    },
}

impl Secret {
    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads a secret from a file, without one trailing newline. A file that everyone may read is used with a warning.
    pub fn read(name: &str, path: &Path) -> Result<Self, SecretError> {
        let (name, path) = (name.to_owned(), path.to_owned());
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(SecretError::Read { name, path, source }),
        };
        if fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0) {
            log::warn!("secret `{name}`: everyone can read {}, chmod o-r it", path.display());
        }
        let Ok(mut text) = String::from_utf8(bytes) else {
            return Err(SecretError::NotText { name, path });
        };
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        if text.is_empty() {
            return Err(SecretError::Empty { name, path });
        }
        Ok(Self(text))
    }

    /// Finds a secret: the file of the configuration if it names one, else the systemd credential `name`
    /// (`$CREDENTIALS_DIRECTORY/name`, from `LoadCredential=`) if there is one, else none.
    pub fn find(
        name: &str,
        file: Option<&Path>,
        credentials_directory: Option<&Path>,
    ) -> Result<Option<Self>, SecretError> {
        if let Some(path) = file {
            return Self::read(name, path).map(Some);
        }
        match credentials_directory.map(|dir| dir.join(name)) {
            Some(path) if path.exists() => Self::read(name, &path).map(Some),
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn one_trailing_newline_is_not_part_of_the_secret() {
        assert_eq!(Secret::read("p", file(b"abc\n").path()).unwrap().expose(), "abc");
        assert_eq!(Secret::read("p", file(b"abc\r\n").path()).unwrap().expose(), "abc");
        assert_eq!(Secret::read("p", file(b"abc\n\n").path()).unwrap().expose(), "abc\n");
        assert_eq!(Secret::read("p", file(b" abc ").path()).unwrap().expose(), " abc ");
    }

    #[test]
    fn debug_hides_it() {
        let secret = Secret::read("p", file(b"abc").path()).unwrap();
        assert_eq!(format!("{:?}", Some(secret)), "Some(***)");
    }

    #[test]
    fn the_file_of_the_configuration_wins_over_the_credential() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("loki-password"), "credential\n").unwrap();
        let own = file(b"own");
        let find = |path| Secret::find("loki-password", path, Some(dir.path())).unwrap().unwrap();
        assert_eq!(find(Some(own.path())).expose(), "own");
        assert_eq!(find(None).expose(), "credential");
        assert_eq!(Secret::find("other", None, Some(dir.path())).unwrap(), None);
        assert_eq!(Secret::find("other", None, None).unwrap(), None);
    }

    #[test]
    fn errors_name_the_file_and_not_the_content() {
        let missing = Secret::read("p", Path::new("/nonexistent/p")).unwrap_err().to_string();
        assert_eq!(missing, "secret `p`: read /nonexistent/p: No such file or directory (os error 2)");
        let binary = file(b"top\xffsecret");
        let message = Secret::read("p", binary.path()).unwrap_err().to_string();
        assert!(message.contains("not UTF-8") && !message.contains("top"), "{message}");
        assert!(Secret::read("p", file(b"\n").path()).unwrap_err().to_string().ends_with("is empty"));
    }
}
