//! One text for a single server and for a cluster.

use crate::sql::quote;

/// Where the files say that a statement reaches all servers.
const MARK: &str = " /*on-cluster*/";

/// The statement for a single server, or for the cluster of this name.
///
/// Replicated engines get no path: the server's `default_replica_path` is made for that.
pub(super) fn render(sql: &str, cluster: Option<&str>) -> String {
    let Some(cluster) = cluster else { return sql.replace(MARK, "") };
    let mut sql = sql.replace(MARK, &format!(" ON CLUSTER {}", quote(cluster)));
    for family in ["MergeTree", "ReplacingMergeTree", "AggregatingMergeTree"] {
        sql = sql.replace(&format!("ENGINE = {family}"), &format!("ENGINE = Replicated{family}"));
    }
    sql.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn rendered(version: u32, cluster: Option<&str>) -> String {
        let all: Vec<_> = files::get(version).statements().iter().map(|sql| render(sql, cluster)).collect();
        all.join(";\n\n")
    }

    #[test]
    fn a_cluster_gets_replicated_engines_on_every_server() {
        insta::assert_snapshot!("cluster_app_logs", rendered(2, Some("home")));
        insta::assert_snapshot!("cluster_templates", rendered(5, Some("home")));
    }

    #[test]
    fn every_table_of_a_cluster_is_replicated_and_a_single_server_has_no_trace_of_it() {
        for file in files::all() {
            for sql in file.statements() {
                let cluster = render(&sql, Some("home"));
                assert!(cluster.contains(" ON CLUSTER 'home'"), "{cluster}");
                assert!(
                    !cluster.contains("ENGINE =") || cluster.contains("ENGINE = Replicated"),
                    "{cluster}"
                );
                let single = render(&sql, None);
                assert!(!single.contains("CLUSTER") && !single.contains("/*"), "{single}");
            }
        }
    }
}
