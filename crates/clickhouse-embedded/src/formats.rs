//! Content types by output format, as ClickHouse sends them.

/// The `Content-Type` of a format.
pub fn content_type(format: &str) -> &'static str {
    let format = format.to_ascii_lowercase();
    if [
        "jsoneachrow",
        "jsoncompacteachrow",
        "jsonstringseachrow",
        "ndjson",
        "jsonlines",
        "jsoneachrowwithprogress",
    ]
    .contains(&format.as_str())
    {
        "application/x-ndjson; charset=UTF-8"
    } else if format.starts_with("json") {
        "application/json; charset=UTF-8"
    } else if format.starts_with("csvwithnames") {
        "text/csv; charset=UTF-8; header=present"
    } else if format.starts_with("csv") {
        "text/csv; charset=UTF-8; header=absent"
    } else if format.starts_with("tabseparated") || format.starts_with("tsv") || format == "raw" {
        "text/tab-separated-values; charset=UTF-8"
    } else if format == "xml" {
        "application/xml; charset=UTF-8"
    } else if format == "markdown" {
        "text/markdown; charset=UTF-8"
    } else if [
        "pretty",
        "vertical",
        "values",
        "tskv",
        "null",
        "sqlinsert",
        "template",
        "customseparated",
        "prometheus",
    ]
    .iter()
    .any(|prefix| format.starts_with(prefix))
    {
        "text/plain; charset=UTF-8"
    } else {
        "application/octet-stream"
    }
}
