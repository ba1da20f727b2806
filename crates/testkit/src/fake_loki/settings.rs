//! Limits and settings, by default those of the real engine's configuration in `testkit::loki`.

use std::time::Duration;

/// Tenant limits and ingester settings. Sizes in bytes, rates in bytes a second.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `max_entries_limit_per_query`.
    pub max_entries: usize,
    /// `max_line_size`.
    pub max_line_size: usize,
    /// `max_label_names_per_series`.
    pub max_label_names: usize,
    /// `max_structured_metadata_size`.
    pub max_metadata_size: usize,
    /// `max_structured_metadata_entries_count`.
    pub max_metadata_entries: usize,
    /// `reject_old_samples_max_age`.
    pub max_age: Duration,
    /// `creation_grace_period`.
    pub max_future: Duration,
    /// `ingester.max_chunk_age`; half of it is how far a line may be behind its stream's newest.
    pub max_chunk_age: Duration,
    /// `shard_streams.time_sharding_enabled`.
    pub time_sharding: bool,
    /// `ingestion_rate_mb`, in MiB a second.
    pub ingestion_rate_mb: u32,
    /// `ingestion_burst_size_mb`, in MiB.
    pub ingestion_burst_mb: u32,
    /// `max_global_streams_per_user`.
    pub max_streams: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_entries: 5000,
            max_line_size: 256 << 10,
            max_label_names: 15,
            max_metadata_size: 64 << 10,
            max_metadata_entries: 128,
            max_age: Duration::from_hours(7 * 24),
            max_future: Duration::from_mins(10),
            max_chunk_age: Duration::from_hours(2),
            time_sharding: true,
            ingestion_rate_mb: 64,
            ingestion_burst_mb: 128,
            max_streams: 5000,
        }
    }
}

impl Settings {
    /// The sections `ingester` and `limits_config` of a configuration: what the fake shows at `/config`, and what the
    /// real one is started with.
    pub(crate) fn yaml(&self) -> String {
        let Self { max_entries, max_label_names, max_metadata_entries, time_sharding, max_streams, .. } =
            self;
        let line_kb = self.max_line_size >> 10;
        let metadata_kb = self.max_metadata_size >> 10;
        let [age, future, chunk_age] =
            [self.max_age, self.max_future, self.max_chunk_age].map(|d| d.as_secs());
        let (rate, burst) = (self.ingestion_rate_mb, self.ingestion_burst_mb);
        format!(
            "\
ingester:
  max_chunk_age: {chunk_age}s
  # Makes lines of any accepted age visible at once; never -1.
  query_store_max_look_back_period: 200h
  lifecycler:
    min_ready_duration: 0s
    final_sleep: 0s
limits_config:
  ingestion_rate_mb: {rate}
  ingestion_burst_size_mb: {burst}
  per_stream_rate_limit: {rate}MB
  per_stream_rate_limit_burst: {burst}MB
  max_global_streams_per_user: {max_streams}
  max_line_size: {line_kb}KB
  max_label_names_per_series: {max_label_names}
  max_structured_metadata_size: {metadata_kb}KB
  max_structured_metadata_entries_count: {max_metadata_entries}
  reject_old_samples: true
  reject_old_samples_max_age: {age}s
  creation_grace_period: {future}s
  increment_duplicate_timestamp: false
  max_entries_limit_per_query: {max_entries}
  shard_streams:
    enabled: true
    time_sharding_enabled: {time_sharding}
    time_sharding_ignore_recent: 40m
"
        )
    }
}
