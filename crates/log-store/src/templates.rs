//! Templates of lines.

use crate::error::Result;
use crate::rows::{Template, TemplateCount};
use crate::store::Store;
use log_model::time::SECOND;
use std::collections::HashSet;

impl Store {
    /// Writes templates as last seen; the earliest first and the latest last sighting win.
    pub async fn write_templates(&self, templates: &[Template]) -> Result<()> {
        self.insert_rows("templates", templates).await
    }

    /// All templates.
    pub async fn templates(&self) -> Result<Vec<Template>> {
        let query = self.query(
            "SELECT id, toString(service) AS service, pattern, level, sample, first_seen, \
             last_seen FROM logs.templates FINAL ORDER BY service, id",
        );
        self.all("read logs.templates", query).await
    }

    /// Replaces the counts of `[from, to)` (nanoseconds since the epoch; whole minutes) by these, so that
    /// counting a range again leaves nothing of the first time behind.
    pub async fn replace_template_counts(
        &self,
        from: i64,
        to: i64,
        counts: &[TemplateCount],
        now_us: i64,
    ) -> Result<()> {
        let key = |c: &TemplateCount| (c.minute, c.host.clone(), c.service.clone(), c.template_id);
        let kept: HashSet<_> = counts.iter().map(key).collect();
        let mut rows: Vec<_> =
            counts.iter().map(|count| TemplateCount { updated_at: now_us, ..count.clone() }).collect();
        let gone = self.template_counts(from, to).await?;
        rows.extend(
            gone.into_iter().filter(|count| !kept.contains(&key(count))).map(|count| TemplateCount {
                cnt: 0,
                bytes: 0,
                updated_at: now_us,
                ..count
            }),
        );
        self.insert_rows("templates_1min", &rows).await
    }

    /// The counts of `[from, to)` (nanoseconds since the epoch; whole minutes), by template and minute.
    pub async fn template_counts(&self, from: i64, to: i64) -> Result<Vec<TemplateCount>> {
        let query = self
            .query(
                "SELECT ?fields FROM logs.templates_1min FINAL \
                 WHERE minute >= toDateTime(?, 'UTC') AND minute < toDateTime(?, 'UTC') AND cnt > 0 \
                 ORDER BY template_id, service, host, minute",
            )
            .bind(from.div_euclid(SECOND))
            .bind(to.div_euclid(SECOND));
        self.all("read logs.templates_1min", query).await
    }
}
