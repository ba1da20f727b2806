//! `ClickHouse`'s Arrow stream to a Parquet file, a row group at a time.
//!
//! Memory is bounded by one row group, whatever the size of the day: the stream is
//! read from a spool file, and the writer is flushed when a group is full.

use crate::manifest::{Fingerprint, Sum};
use anyhow::{Context as _, bail};
use arrow::array::{Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::ipc::reader::StreamReader;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use xxhash_rust::xxh3::xxh3_64;

/// Rows of a row group: small enough to skip by statistics, large enough to compress.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// What of the table's order (service, hour, host, ts) can be declared: the hour is no column.
const SORTED_BY: &str = "service";

/// Columns with few distinct values; a dictionary for any other only grows until it is given up.
const DICTIONARY: [&str; 6] = ["host", "service", "unit", "level", "path", "status"];

/// Columns that grow slowly or in steps.
const DELTA: [&str; 2] = ["ts", "batch"];

/// What went into a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Rows and their ids.
    pub fingerprint: Fingerprint,
    /// Earliest row (ns); `None` if there is none.
    pub min_ts: Option<i64>,
    /// Latest row (ns).
    pub max_ts: Option<i64>,
    /// Rows of each row group.
    pub row_groups: Vec<u64>,
}

/// Reads an Arrow stream and writes it as Parquet. `metadata` goes into the file's footer.
pub fn encode<W: Write + Send>(
    stream: impl Read,
    out: W,
    zstd_level: i32,
    metadata: &[(&str, String)],
) -> anyhow::Result<Encoded> {
    let reader =
        StreamReader::try_new(BufReader::new(stream), None).context("read the Arrow stream's schema")?;
    let schema = reader.schema();
    check_types(&schema)?;
    let properties = properties(&schema, zstd_level, metadata)?;
    let mut writer = ArrowWriter::try_new(out, schema, Some(properties)).context("start the Parquet file")?;
    let mut encoded = Encoded::default();
    for batch in reader {
        let batch = batch.context("read a batch of the Arrow stream")?;
        note(&mut encoded, &batch)?;
        writer.write(&batch).context("write a batch to the Parquet file")?;
    }
    let file = writer.close().context("finish the Parquet file")?;
    encoded.row_groups = file.row_groups().iter().map(|group| group.num_rows() as u64).collect();
    Ok(encoded)
}

/// Rows and ids of a finished file, read back from its bytes.
pub fn read_back(file: File) -> anyhow::Result<Fingerprint> {
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .context("read the footer back")?
        .build()?;
    let mut encoded = Encoded::default();
    for batch in reader {
        note(&mut encoded, &batch.context("read a row group back")?)?;
    }
    Ok(encoded.fingerprint)
}

/// A time that lost its nanoseconds or its zone would be found years later.
fn check_types(schema: &SchemaRef) -> anyhow::Result<()> {
    let ts = schema.field_with_name("ts").context("the stream has no column ts")?;
    match ts.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) if &**zone == "UTC" => Ok(()),
        other => bail!("column ts is {other}, expected a timestamp of nanoseconds in UTC"),
    }
}

fn properties(
    schema: &SchemaRef,
    zstd_level: i32,
    metadata: &[(&str, String)],
) -> anyhow::Result<WriterProperties> {
    let level = ZstdLevel::try_new(zstd_level).context("compression level")?;
    let sorting = SortingColumn {
        column_idx: schema.index_of(SORTED_BY)? as i32,
        descending: false,
        nulls_first: false,
    };
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(vec![sorting]))
        .set_key_value_metadata(Some(
            metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect(),
        ))
        .set_dictionary_enabled(false);
    for field in schema.fields() {
        let name = field.name().as_str();
        let path = ColumnPath::from(name);
        if DICTIONARY.contains(&name) {
            builder = builder.set_column_dictionary_enabled(path, true);
        } else if DELTA.contains(&name) {
            builder = builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        } else if name == "trace_id" {
            builder = builder.set_column_bloom_filter_enabled(path, true);
        }
    }
    Ok(builder.build())
}

fn note(encoded: &mut Encoded, batch: &RecordBatch) -> anyhow::Result<()> {
    let times: &TimestampNanosecondArray = column(batch, "ts")?;
    let times = times.values();
    encoded.fingerprint += fingerprint(batch, times)?;
    encoded.min_ts = encoded.min_ts.into_iter().chain(times.iter().copied()).min();
    encoded.max_ts = encoded.max_ts.into_iter().chain(times.iter().copied()).max();
    Ok(())
}

/// The same sum over the same text of each row as [`log_store::RangeSummary::fingerprint`].
fn fingerprint(batch: &RecordBatch, times: &[i64]) -> anyhow::Result<Fingerprint> {
    let text = |name: &str| column::<StringArray>(batch, name);
    let (host, service, unit, level) = (text("host")?, text("service")?, text("unit")?, text("level")?);
    let (message, ids) = (text("message")?, column::<UInt64Array>(batch, "event_id")?);
    let mut found = Fingerprint::default();
    let mut line = Vec::new();
    for (row, ts) in times.iter().enumerate() {
        line.clear();
        write!(
            line,
            "{ts}\t{}\t{}\t{}\t{}\t{}\t{}",
            host.value(row),
            service.value(row),
            unit.value(row),
            level.value(row),
            ids.value(row),
            message.value(row)
        )?;
        found += Fingerprint { rows: 1, sum: Sum(xxh3_64(&line)) };
    }
    Ok(found)
}

fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> anyhow::Result<&'a T> {
    let column = batch.column_by_name(name).with_context(|| format!("there is no column {name}"))?;
    column
        .as_any()
        .downcast_ref()
        .with_context(|| format!("column {name} is {}, which was not expected", column.data_type()))
}
