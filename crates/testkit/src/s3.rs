//! An S3 of one's own: MinIO where it is, else a directory.

use crate::process::{Launch, Process, scratch};
use crate::{ports, servers};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Access key of a started MinIO.
pub const ACCESS_KEY: &str = "yagura-test";
/// Secret key of a started MinIO.
pub const SECRET_KEY: &str = "yagura-test-secret";
/// The one bucket that is there.
pub const BUCKET: &str = "yagura";

/// Longest start; it takes a second on an idle machine.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// An object store, gone when dropped.
#[derive(Debug)]
pub struct S3 {
    /// `http://127.0.0.1:PORT` of MinIO, `file:///…` of a directory.
    pub url: String,
    /// Which it is.
    pub kind: Kind,
    place: Place,
}

/// Which object store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MinIO, with [`ACCESS_KEY`], [`SECRET_KEY`] and [`BUCKET`].
    Minio,
    /// A directory, for `object_store`'s local file system.
    Directory,
}

#[derive(Debug)]
enum Place {
    Minio(Process),
    Directory(TempDir),
}

impl Kind {
    /// `minio` or `directory`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minio => "minio",
            Self::Directory => "directory",
        }
    }
}

impl S3 {
    /// MinIO where it is, else a directory.
    pub async fn start() -> anyhow::Result<Self> {
        match Self::start_minio().await? {
            Some(minio) => Ok(minio),
            None => Self::directory(),
        }
    }

    /// MinIO; `None` where it is not.
    pub async fn start_minio() -> anyhow::Result<Option<Self>> {
        let Some(program) = servers::locate("minio") else { return Ok(None) };
        let dir = scratch("minio")?;
        let data = dir.path().join("data");
        // In MinIO's single-disk layout a directory is a bucket, so it needs no client to make one.
        std::fs::create_dir_all(data.join(BUCKET))?;
        let port = ports::free()?;
        let mut process = Launch::new("minio", program)
            .args(["server", "--quiet", "--address", &format!("127.0.0.1:{port}")])
            .args(["--console-address", &format!("127.0.0.1:{}", ports::free()?), "--config-dir"])
            .arg(dir.path().join("config"))
            .arg(data)
            .env("MINIO_ROOT_USER", ACCESS_KEY)
            .env("MINIO_ROOT_PASSWORD", SECRET_KEY)
            .env("MINIO_BROWSER", "off")
            .env("MINIO_UPDATE", "off")
            .start(dir)?;
        let url = format!("http://127.0.0.1:{port}");
        // Its health page is ready before its users are loaded; until then every request gets 503.
        let (http, bucket) = (crate::http(), format!("{url}/{BUCKET}"));
        process
            .wait_ready(START_DEADLINE, || async {
                let status = http.get(&bucket).timeout(Duration::from_secs(2)).send().await?.status();
                anyhow::ensure!(status == 403, "an unsigned request got {status}, expected 403");
                Ok(())
            })
            .await?;
        Ok(Some(Self { url, kind: Kind::Minio, place: Place::Minio(process) }))
    }

    /// A directory.
    pub fn directory() -> anyhow::Result<Self> {
        let dir = scratch("s3")?;
        let url = format!("file://{}", dir.path().display());
        Ok(Self { url, kind: Kind::Directory, place: Place::Directory(dir) })
    }

    /// The path of the directory; `None` of MinIO.
    pub fn path(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Directory(dir) => Some(dir.path().to_owned()),
            Place::Minio(_) => None,
        }
    }

    /// The process of MinIO, for faults; `None` of a directory.
    pub fn process(&mut self) -> Option<&mut Process> {
        match &mut self.place {
            Place::Minio(process) => Some(process),
            Place::Directory(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn minio_asks_for_credentials() {
        let Some(s3) = S3::start_minio().await.unwrap() else {
            eprintln!("skipped: minio_asks_for_credentials: no minio, see `cargo xtask servers`");
            return;
        };
        let bucket = format!("{}/{BUCKET}", s3.url);
        assert_eq!(crate::http().get(&bucket).send().await.unwrap().status(), 403);
    }

    #[test]
    fn a_directory_goes_with_its_store() {
        let s3 = S3::directory().unwrap();
        let path = s3.path().unwrap();
        assert!(path.is_dir());
        drop(s3);
        assert!(!path.exists());
    }
}
