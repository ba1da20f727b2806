//! The servers, each pinned to one version.

use super::go::{GoModule, Missing};
use super::npm::NpmPackage;

/// A server and how to get it.
#[derive(Debug)]
pub struct Server {
    /// Name on the command line.
    pub name: &'static str,
    /// The version that is installed.
    pub version: &'static str,
    /// Its programs, the main one first.
    pub programs: &'static [&'static str],
    /// What it is needed for, as the end of the sentence "needed for ...".
    pub purpose: &'static str,
    /// The oldest version (major, minor) that is taken from PATH; `None`: any.
    pub oldest: Option<(u32, u32)>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a server comes from.
#[derive(Debug)]
pub enum Source {
    /// A file of an npm package.
    Npm(NpmPackage),
    /// Built from Go modules.
    Go(GoModule),
}

/// The ClickHouse engine as a library, for `clickhouse-embedded`.
pub const LIBCHDB: &str = "libchdb.so";

/// Every server that can be installed.
pub static CATALOGUE: &[Server] = &[
    Server {
        name: "libchdb",
        version: "26.7.3-stable.1",
        programs: &[LIBCHDB],
        purpose: "ClickHouse, where no `clickhouse` of at least 26.3 is on PATH",
        oldest: None,
        source: Source::Npm(NpmPackage {
            package: "@chdb/lib-linux-x64-gnu",
            integrity: "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
            packed_bytes: 177_817_999,
            file: "package/libchdb.so",
        }),
    },
    Server {
        name: "loki",
        version: "3.7.8",
        programs: &["loki", "logcli", "lokitool"],
        purpose: "tests against the real Loki",
        oldest: Some((3, 7)),
        source: Source::Go(GoModule {
            go_mod: include_str!("../../../../tests/servers/loki/go.mod"),
            go_sum: include_str!("../../../../tests/servers/loki/go.sum"),
            packages: &[
                "github.com/grafana/loki/v3/cmd/loki",
                "github.com/grafana/loki/v3/cmd/logcli",
                "github.com/grafana/loki/v3/cmd/lokitool",
            ],
            pinned: "github.com/grafana/loki/v3 v3.7.8",
            tags: "",
            version_variable: Some("github.com/grafana/loki/v3/pkg/util/build.Version"),
            missing: None,
        }),
    },
    Server {
        name: "prometheus",
        version: "3.16.0",
        programs: &["prometheus", "promtool"],
        purpose: "tests of recording and alerting rules",
        oldest: Some((3, 0)),
        source: Source::Go(GoModule {
            go_mod: include_str!("../../../../tests/servers/prometheus/go.mod"),
            go_sum: include_str!("../../../../tests/servers/prometheus/go.sum"),
            packages: &[
                "github.com/prometheus/prometheus/cmd/prometheus",
                "github.com/prometheus/prometheus/cmd/promtool",
            ],
            pinned: "github.com/prometheus/prometheus v0.316.0",
            // No cloud's service discovery: half the packages. The web interface is not in the module; its API is.
            tags: "remove_all_sd",
            version_variable: Some("github.com/prometheus/common/version.Version"),
            missing: None,
        }),
    },
    Server {
        name: "alertmanager",
        version: "0.34.2",
        programs: &["alertmanager", "amtool"],
        purpose: "tests of notifications and silences",
        // The first with the event recorder.
        oldest: Some((0, 33)),
        source: Source::Go(GoModule {
            go_mod: include_str!("../../../../tests/servers/alertmanager/go.mod"),
            go_sum: include_str!("../../../../tests/servers/alertmanager/go.sum"),
            packages: &[
                "github.com/prometheus/alertmanager/cmd/alertmanager",
                "github.com/prometheus/alertmanager/cmd/amtool",
            ],
            pinned: "github.com/prometheus/alertmanager v0.34.2",
            tags: "",
            version_variable: Some("github.com/prometheus/common/version.Version"),
            // The web interface is built at release time and not part of the module, which does not compile without.
            missing: Some(Missing {
                module: "github.com/prometheus/alertmanager",
                file: "ui/app/dist/index.html",
                content: "<!doctype html><title>Alertmanager</title><p>Built without its web interface.</p>\n",
            }),
        }),
    },
    Server {
        name: "minio",
        version: "2026-02-12",
        programs: &["minio"],
        purpose: "tests of exports to S3",
        oldest: None,
        source: Source::Go(GoModule {
            go_mod: include_str!("../../../../tests/servers/minio/go.mod"),
            go_sum: include_str!("../../../../tests/servers/minio/go.sum"),
            packages: &["github.com/minio/minio"],
            pinned: "github.com/minio/minio v0.0.0-20260212201848-7aac2a2c5b7c",
            tags: "",
            version_variable: None,
            missing: None,
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_go_modules_ask_for_the_versions_that_are_promised() {
        for server in CATALOGUE {
            let Source::Go(module) = &server.source else { continue };
            assert!(
                module
                    .go_mod
                    .lines()
                    .any(|line| line.trim().trim_end_matches(" // indirect") == module.pinned),
                "{}: go.mod does not pin {}",
                server.name,
                module.pinned
            );
            for package in module.packages {
                assert!(
                    module.go_mod.contains(&format!("tool {package}"))
                        || module.go_mod.contains(&format!("\t{package}\n")),
                    "{}: go.mod has no tool directive for {package}",
                    server.name
                );
            }
        }
    }
}
