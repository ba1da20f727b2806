//! Archives closed weeks as Parquet, with manifests.
