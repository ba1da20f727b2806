//! The workspace as Cargo sees it.

use super::Finding;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the rules look at.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    pub(super) packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) manifest_path: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `None`: a normal one; else `dev` or `build`.
    pub(super) kind: Option<String>,
    /// Set for the workspace's own.
    pub(super) path: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

impl Workspace {
    pub(super) fn read() -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .context("run cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout).context("read cargo's metadata")?;
        Ok(Self { root: metadata.workspace_root, packages: metadata.packages })
    }

    /// A path as people name it.
    pub(super) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Dependencies are declared once, explained once, and every crate has the workspace's lints.
    pub(super) fn check_manifests(&self) -> anyhow::Result<Vec<Finding>> {
        let manifest = self.root.join("Cargo.toml");
        let declared = table(&manifest)?;
        let explained = fs::read_to_string(self.root.join("docs/ARCHITECTURE.md"))
            .context("read docs/ARCHITECTURE.md")?;
        let explained = explained.split_once("\n## Dependencies").map_or("", |(_, rest)| rest);
        let mut findings = Vec::new();
        let dependencies =
            declared.get("workspace").and_then(|it| it.get("dependencies")).and_then(toml::Value::as_table);
        for (name, value) in dependencies.context("Cargo.toml has no [workspace.dependencies]")? {
            if value.get("path").is_some() {
                continue;
            }
            if !explained.contains(&format!("`{name}`")) {
                findings.push(Finding {
                    place: "docs/ARCHITECTURE.md".to_owned(),
                    problem: format!("the table of dependencies does not say what `{name}` buys"),
                });
            }
            if !self.packages.iter().any(|package| package.dependencies.iter().any(|it| it.name == *name)) {
                findings.push(Finding {
                    place: "Cargo.toml".to_owned(),
                    problem: format!("no crate uses the dependency `{name}`"),
                });
            }
        }
        for package in &self.packages {
            findings.extend(self.check_manifest(package)?);
        }
        Ok(findings)
    }

    fn check_manifest(&self, package: &Package) -> anyhow::Result<Vec<Finding>> {
        let manifest = table(&package.manifest_path)?;
        let place = self.relative(&package.manifest_path);
        let inherits = |value: Option<&toml::Value>| {
            value.and_then(|it| it.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
        };
        let mut findings = Vec::new();
        if !inherits(manifest.get("lints")) {
            let problem = "has not the workspace's lints; add `[lints] workspace = true`".to_owned();
            findings.push(Finding { place: place.clone(), problem });
        }
        let sources = self.sources_of(package)?;
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            for (name, value) in dependencies {
                if !inherits(Some(value)) {
                    let problem = format!(
                        "declares `{name}` itself; declare it in the workspace's Cargo.toml and write `{name}.workspace = true`"
                    );
                    findings.push(Finding { place: place.clone(), problem });
                }
                if !names(&sources, &name.replace('-', "_")) {
                    let problem = format!("declares `{name}` and does not use it");
                    findings.push(Finding { place: place.clone(), problem });
                }
            }
        }
        Ok(findings)
    }

    /// All Rust code in a package's folder.
    fn sources_of(&self, package: &Package) -> anyhow::Result<String> {
        let folder = package.manifest_path.parent().unwrap_or(&self.root);
        let mut text = String::new();
        for file in rust_files(folder)? {
            text += &fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        }
        Ok(text)
    }
}

/// Every `.rs` file below a folder, in order.
pub(super) fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a word stands in a text.
fn names(text: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(inside) && !text[at + word.len()..].starts_with(inside))
}

fn table(path: &Path) -> anyhow::Result<toml::Table> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    text.parse().with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_whole_word() {
        assert!(names("use serde::Serialize;", "serde"));
        assert!(!names("use serde_json::Value;", "serde"));
        assert!(!names("let laserde = 1;", "serde"));
    }
}
