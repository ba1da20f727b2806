//! Parameters, users, errors, headers, sessions.

use std::time::Instant;

use crate::harness::server;

#[tokio::test]
async fn health_checks_answer_ok() {
    let server = server!("health_checks_answer_ok");
    for path in ["/ping", "/", "/replicas_status"] {
        let answer = server.answer(server.http.get(format!("{}{path}", server.url))).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "Ok.\n"), "{path}");
    }
    assert_eq!(server.answer(server.http.get(format!("{}/nope", server.url))).await.status, 404);
}

#[tokio::test]
async fn a_query_comes_by_url_by_body_or_by_both() {
    let server = server!("a_query_comes_by_url_by_body_or_by_both");
    let get = |sql: &str| server.http.get(&server.url).query(&[("query", sql)]);
    assert_eq!(server.answer(get("SELECT 1")).await.text, "1\n");
    assert_eq!(server.answer(server.post(&[]).body("SELECT 2")).await.text, "2\n");
    let both = server.post(&[("query", "SELECT sum(number)")]).body("FROM numbers(4)");
    assert_eq!(server.answer(both).await.text, "6\n");
    for (sql, format) in [
        ("SELECT 1 AS a FORMAT JSONEachRow", ""),
        ("SELECT 1 AS a", "JSONEachRow"),
        ("SELECT 1 AS a;", "JSONEachRow"),
    ] {
        let answer = server.answer(server.post(&[("default_format", format)]).body(sql)).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "{\"a\":1}\n"), "{sql}");
        assert_eq!(answer.header("content-type"), "application/x-ndjson; charset=UTF-8");
        assert_eq!(answer.header("x-clickhouse-format"), "JSONEachRow");
    }
}

#[tokio::test]
async fn parameters_are_bound_and_not_pasted() {
    let server = server!("parameters_are_bound_and_not_pasted");
    let sql = "SELECT {s:String}, {n:UInt8} + 1, {t:Identifier} FROM (SELECT 5 AS x)";
    let values = [("param_s", "it's; DROP TABLE x"), ("param_n", "41"), ("param_t", "x")];
    let by_url = server.answer(server.post(&values).body(sql)).await;
    assert_eq!(by_url.text, "it\\'s; DROP TABLE x\t42\t5\n");
    let form: String = values
        .iter()
        .chain([&("query", sql)])
        .map(|(name, value)| {
            format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        })
        .collect();
    let by_form =
        server.post(&[]).header("Content-Type", "multipart/form-data; boundary=B").body(form + "--B--\r\n");
    assert_eq!(server.answer(by_form).await.text, by_url.text);
    let missing = server.answer(server.post(&[]).body("SELECT {s:String}")).await;
    assert_eq!((missing.status, missing.header("x-clickhouse-exception-code")), (500, "456"));
}

#[tokio::test]
async fn settings_and_database_are_for_one_query_only() {
    let server = server!("settings_and_database_are_for_one_query_only");
    server.sql("CREATE DATABASE other").await;
    let ask = "SELECT getSetting('max_block_size'), currentDatabase()";
    let before = server.sql(ask).await;
    let with = server.post(&[("max_block_size", "77"), ("database", "other")]).body(ask);
    assert_eq!(server.answer(with).await.text, "77\tother\n");
    server.sql("SET max_block_size = 78").await;
    server.sql("SELECT 1 SETTINGS max_block_size = 79").await;
    server.sql("USE other").await;
    for _ in 0..4 {
        assert_eq!(server.sql(ask).await, before);
    }
}

#[tokio::test]
async fn a_session_keeps_its_tables_and_settings_to_itself() {
    let server = server!("a_session_keeps_its_tables_and_settings_to_itself");
    let within = |session: &'static str, sql: &'static str| {
        let server = &server;
        async move { server.answer(server.post(&[("session_id", session)]).body(sql)).await }
    };
    assert_eq!(within("a", "CREATE TEMPORARY TABLE t AS SELECT 7 AS x").await.status, 200);
    within("a", "SET max_block_size = 77").await;
    assert_eq!(within("a", "SELECT x, getSetting('max_block_size') FROM t").await.text, "7\t77\n");
    assert_eq!(within("b", "SELECT x FROM t").await.status, 404);
    // A setting by URL is for one query, the session's own comes back.
    let by_url = server.post(&[("session_id", "a"), ("max_block_size", "5"), ("max_threads", "1")]);
    assert_eq!(server.answer(by_url.body("SELECT getSetting('max_block_size')")).await.text, "5\n");
    assert_eq!(within("a", "SELECT getSetting('max_block_size')").await.text, "77\n");
    let check = server.post(&[("session_id", "c"), ("session_check", "1")]).body("SELECT 1");
    assert_eq!(server.answer(check).await.header("x-clickhouse-exception-code"), "372");
    let (slow, refused) = tokio::join!(within("a", "SELECT sleep(1)"), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        within("a", "SELECT 1").await
    });
    assert_eq!(slow.status, 200);
    assert_eq!(refused.header("x-clickhouse-exception-code"), "373");
}

#[tokio::test]
async fn errors_have_clickhouses_codes_and_statuses() {
    let server = server!("errors_have_clickhouses_codes_and_statuses");
    server.sql("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a").await;
    for (sql, status, code, name) in [
        ("SELECT * FROM nope", 404, "60", "UNKNOWN_TABLE"),
        ("SELECT * FROM nope.t", 404, "81", "UNKNOWN_DATABASE"),
        ("SELECT nope", 404, "47", "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", 400, "62", "SYNTAX_ERROR"),
        ("SELECT 1 FROM", 400, "62", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, "62", "SYNTAX_ERROR"),
        ("1 + 1", 400, "62", "SYNTAX_ERROR"),
        ("", 400, "62", "SYNTAX_ERROR"),
        ("SELECT 1 FORMAT Nope", 404, "73", "UNKNOWN_FORMAT"),
        ("SELECT throwIf(1)", 500, "395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("INSERT INTO t FORMAT JSONEachRow {\"a\": oops}", 400, "27", "CANNOT_PARSE_INPUT_ASSERTION_FAILED"),
        ("INSERT INTO nope FORMAT TSV 1", 404, "60", "UNKNOWN_TABLE"),
        ("CREATE USER u", 403, "497", "ACCESS_DENIED"),
        ("CREATE TABLE t (a UInt8) ENGINE = Memory", 500, "57", "TABLE_ALREADY_EXISTS"),
    ] {
        let answer = server.answer(server.post(&[]).body(sql)).await;
        assert_eq!(
            (answer.status, answer.header("x-clickhouse-exception-code")),
            (status, code),
            "{sql}: {}",
            answer.text
        );
        assert!(answer.text.starts_with(&format!("Code: {code}. DB::Exception: ")), "{}", answer.text);
        assert!(answer.text.contains(&format!("({name}) (version 26.")), "{}", answer.text);
        assert!(answer.text.ends_with(" (official build))\n"), "{}", answer.text);
        assert!(!answer.text.contains("/proc/") && !answer.text.contains("http-spool"), "{}", answer.text);
    }
    let unknown = server.answer(server.post(&[("nope", "1")]).body("SELECT 1")).await;
    assert_eq!((unknown.status, unknown.header("x-clickhouse-exception-code")), (404, "115"));
}

#[tokio::test]
async fn get_changes_nothing() {
    let server = server!("get_changes_nothing");
    server.sql("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a").await;
    for sql in ["DROP TABLE t", "INSERT INTO t VALUES (1)", "CREATE TABLE u (a UInt8) ENGINE = Memory"] {
        let answer = server.answer(server.http.get(&server.url).query(&[("query", sql)])).await;
        assert_eq!((answer.status, answer.header("x-clickhouse-exception-code")), (500, "164"), "{sql}");
    }
    assert_eq!(server.sql("SELECT count() FROM t").await, "0\n");
}

#[tokio::test]
async fn only_the_user_with_the_password_gets_in() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let path = file.path().display().to_string();
    let server = server!(
        "only_the_user_with_the_password_gets_in",
        ["--user", "me", "--password-file", path.as_str()]
    );
    let ask = |parameters: &[(&str, &str)]| server.post(parameters).body("SELECT 1");
    for (request, status) in [
        (ask(&[]).header("X-ClickHouse-User", "me").header("X-ClickHouse-Key", "s3cret"), 200),
        (ask(&[]).basic_auth("me", Some("s3cret")), 200),
        (ask(&[("user", "me"), ("password", "s3cret")]), 200),
        (ask(&[]), 403),
        (ask(&[]).basic_auth("me", Some("wrong")), 403),
        (ask(&[]).header("X-ClickHouse-User", "you").header("X-ClickHouse-Key", "s3cret"), 403),
        (ask(&[("user", "me")]), 403),
    ] {
        let answer = server.answer(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        if status == 403 {
            assert_eq!(answer.header("x-clickhouse-exception-code"), "516");
            assert!(
                answer.text.contains("Authentication failed")
                    && answer.text.contains("(AUTHENTICATION_FAILED)")
            );
            assert!(!answer.text.contains("s3cret"));
        }
    }
}

#[tokio::test]
async fn the_headers_tell_what_was_done() {
    let server = server!("the_headers_tell_what_was_done");
    server.sql("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    let insert =
        server.post(&[("query", "INSERT INTO t FORMAT TSV"), ("query_id", "my-id")]).body("1\n2\n3\n");
    let answer = server.answer(insert).await;
    assert_eq!(answer.header("x-clickhouse-query-id"), "my-id");
    assert!(!answer.header("x-clickhouse-timezone").is_empty());
    let summary: serde_json::Value = serde_json::from_str(answer.header("x-clickhouse-summary")).unwrap();
    assert_eq!((summary["read_rows"].as_str(), summary["written_rows"].as_str()), (Some("3"), Some("3")));
    let answer = server.answer(server.post(&[]).body("SELECT a FROM t WHERE a > 1")).await;
    let summary: serde_json::Value = serde_json::from_str(answer.header("x-clickhouse-summary")).unwrap();
    assert_eq!((summary["read_rows"].as_str(), summary["result_rows"].as_str()), (Some("3"), Some("2")));
    assert_eq!(answer.header("content-type"), "text/tab-separated-values; charset=UTF-8");
    assert_eq!(answer.header("x-clickhouse-query-id").len(), 36);
}

#[tokio::test]
async fn queries_run_side_by_side() {
    let server = server!("queries_run_side_by_side");
    let started = Instant::now();
    let queries = (0..8).map(|_| server.sql("SELECT sleep(1)"));
    assert_eq!(futures_util::future::join_all(queries).await, ["0\n"; 8]);
    // One after the other they would take eight seconds.
    assert!(started.elapsed().as_secs_f64() < 5.0, "{:?}", started.elapsed());
}

#[test]
fn the_library_looked_for_is_the_one_that_is_installed() {
    let installed = testkit::servers::find("libchdb").unwrap();
    assert_eq!(clickhouse_embedded::LIBCHDB_VERSION, installed.version);
}
