-- The database, and the list of what was done to it. Everything else refers to this table: a
-- database `logs` without it is somebody else's.
CREATE DATABASE IF NOT EXISTS logs /*on-cluster*/;

CREATE TABLE IF NOT EXISTS logs.schema_migrations /*on-cluster*/ (
    version    UInt32,
    name       String,
    checksum   String COMMENT 'sha256 of the migration file, hex',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
