//! Links into Grafana and Alertmanager.

use super::model::Links;
use crate::details;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Write as _;
use unit_kit::ConfigIssue;

/// The section `[links]`: where the wall's links lead. What is not set is not linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinksConfig {
    /// Grafana's address, as a browser reaches it.
    pub grafana_url: Option<String>,
    /// Alertmanager's address, as a browser reaches it.
    pub alertmanager_url: Option<String>,
    /// Uid of Grafana's Loki data source.
    pub loki_datasource_uid: String,
    /// Uid of Grafana's ClickHouse data source.
    pub clickhouse_datasource_uid: String,
}

impl Default for LinksConfig {
    fn default() -> Self {
        Self {
            grafana_url: None,
            alertmanager_url: None,
            loki_datasource_uid: "loki".to_owned(),
            clickhouse_datasource_uid: "clickhouse".to_owned(),
        }
    }
}

impl LinksConfig {
    /// Refuses what is no address of a web page: the wall makes links of it.
    pub fn validate(&self) -> Result<(), ConfigIssue> {
        let urls =
            [("links.grafana_url", &self.grafana_url), ("links.alertmanager_url", &self.alertmanager_url)];
        for (key, url) in urls {
            let Some(url) = url else { continue };
            if !(url.starts_with("http://") || url.starts_with("https://"))
                || url.contains(char::is_whitespace)
            {
                return Err(ConfigIssue::new(key, format!("is {url:?}, expected an http(s) address"))
                    .with_hint("give it as a browser reaches it, like http://homeMachine:3000"));
            }
        }
        Ok(())
    }

    /// The links of an incident.
    pub fn of(&self, host: &str, service: &str, links: &details::Links) -> Links {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Links {
            rows_sql: given(&links.rows_sql),
            minutes_sql: given(&links.minutes_sql),
            logql: given(&links.logql),
            explore: self.explore(links),
            silence: self.silence(host, service),
        }
    }

    /// Grafana Explore, Loki's lines beside ClickHouse's minutes.
    fn explore(&self, links: &details::Links) -> Option<String> {
        let base = self.grafana_url.as_deref()?.trim_end_matches('/');
        let from = links.from.parse::<chrono::DateTime<chrono::Utc>>().ok()?.timestamp_millis().to_string();
        let to = links.to.parse::<chrono::DateTime<chrono::Utc>>().ok()?.timestamp_millis().to_string();
        let range = json!({ "from": from, "to": to });
        let mut panes = serde_json::Map::new();
        if !links.logql.is_empty() {
            let uid = &self.loki_datasource_uid;
            let query = json!({
                "refId": "A", "datasource": { "type": "loki", "uid": uid }, "expr": links.logql,
                "queryType": "range",
            });
            panes
                .insert("lines".to_owned(), json!({ "datasource": uid, "queries": [query], "range": range }));
        }
        if !links.minutes_sql.is_empty() {
            let uid = &self.clickhouse_datasource_uid;
            let query = json!({
                "refId": "A", "datasource": { "type": "grafana-clickhouse-datasource", "uid": uid },
                "editorType": "sql", "pluginVersion": "", "rawSql": links.minutes_sql, "queryType": "table",
            });
            panes.insert(
                "minutes".to_owned(),
                json!({ "datasource": uid, "queries": [query], "range": range }),
            );
        }
        if panes.is_empty() {
            return None;
        }
        let panes = percent(&serde_json::Value::Object(panes).to_string());
        Some(format!("{base}/explore?orgId=1&schemaVersion=1&panes={panes}"))
    }

    /// A new silence in Alertmanager with the matchers filled in.
    fn silence(&self, host: &str, service: &str) -> Option<String> {
        let base = self.alertmanager_url.as_deref()?.trim_end_matches('/');
        let matchers: Vec<String> = [("host", host), ("service", service)]
            .into_iter()
            .filter(|(_, value)| *value != "*")
            .map(|(name, value)| {
                format!(
                    "{name}=\"{}\"",
                    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
                )
            })
            .collect();
        // A silence without a matcher would silence everything.
        (!matchers.is_empty()).then(|| {
            format!("{base}/#/silences/new?filter={}", percent(&format!("{{{}}}", matchers.join(", "))))
        })
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    fn configured() -> LinksConfig {
        LinksConfig {
            grafana_url: Some("http://grafana:3000/".into()),
            alertmanager_url: Some("http://am:9093".into()),
            ..LinksConfig::default()
        }
    }

    fn queries() -> details::Links {
        details::Links {
            rows_sql: "SELECT 1".into(),
            minutes_sql: "SELECT 'a&b' AS x".into(),
            logql: r#"{host="h", service="a\"b"}"#.into(),
            from: "2026-11-22T09:55:00Z".into(),
            to: "2026-11-22T10:25:00Z".into(),
        }
    }

    #[test]
    fn explore_opens_the_lines_beside_the_minutes_in_the_right_range() {
        let links = configured().of("h", "s", &queries());
        let url = links.explore.unwrap();
        let panes = url.strip_prefix("http://grafana:3000/explore?orgId=1&schemaVersion=1&panes=").unwrap();
        let panes: serde_json::Value = serde_json::from_str(&decoded(panes)).unwrap();
        assert_eq!(panes["lines"]["queries"][0]["expr"], r#"{host="h", service="a\"b"}"#);
        assert_eq!(panes["lines"]["range"]["from"], "1795341300000");
        assert_eq!(panes["minutes"]["queries"][0]["rawSql"], "SELECT 'a&b' AS x");
        assert_eq!(panes["minutes"]["datasource"], "clickhouse");
    }

    #[test]
    fn a_silence_never_covers_everything() {
        let silence = configured().of("ho\"st", "*", &queries()).silence.unwrap();
        let filter = silence.strip_prefix("http://am:9093/#/silences/new?filter=").unwrap();
        assert_eq!(decoded(filter), r#"{host="ho\"st"}"#);
        assert_eq!(configured().of("*", "*", &queries()).silence, None);
    }

    #[test]
    fn what_is_not_configured_is_not_linked() {
        let links = LinksConfig::default().of("h", "s", &queries());
        assert_eq!((links.explore, links.silence), (None, None));
        assert_eq!(links.rows_sql.as_deref(), Some("SELECT 1"));
    }

    #[test]
    fn an_address_that_is_no_web_page_is_refused() {
        let config =
            LinksConfig { grafana_url: Some("javascript:alert(1)".into()), ..LinksConfig::default() };
        assert_eq!(config.validate().unwrap_err().key, "links.grafana_url");
        assert!(configured().validate().is_ok());
    }
}
