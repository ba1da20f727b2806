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
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            for (name, value) in dependencies {
                if !inherits(Some(value)) {
                    let problem = format!(
                        "declares `{name}` itself; declare it in the workspace's Cargo.toml and write `{name}.workspace = true`"
                    );
                    findings.push(Finding { place: place.clone(), problem });
                }
            }
        }
        Ok(findings)
    }
}

fn table(path: &Path) -> anyhow::Result<toml::Table> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    text.parse().with_context(|| format!("read {}", path.display()))
}
