use crate::harness::Bench;
use insta::assert_snapshot;

fn check(config: &str) -> String {
    Bench::new().run_config(config, &["count"])
}

fn with_env(vars: &[(&str, &str)], args: &[&str]) -> String {
    let mut bench = Bench::new();
    for (name, value) in vars {
        bench.env(name, *value);
    }
    bench.run(args)
}

#[test]
fn an_unknown_key_names_file_line_key_and_what_was_meant() {
    assert_snapshot!(check("[loki]\nurl = \"http://x\"\n\n[count]\nlimt = 3\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:5: unknown key `count.limt`
    hint: did you mean `count.limit`?
    ");
    assert_snapshot!(check("[cuont]\nlimit = 3\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:1: unknown key `cuont`
    hint: did you mean `count`?
    ");
    assert_snapshot!(check("limit = 3\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:1: unknown key `limit`
    hint: did you mean `count.limit`?
    ");
    assert_snapshot!(check("[count]\nlimit = 3\ncolour = 3\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:3: unknown key `count.colour`
    hint: [count] knows `limit`, `pace`, `strict`, `skip`, `mode`
    ");
    assert_snapshot!(check("[unit]\nmetrics_dri = \"/x\"\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:2: unknown key `unit.metrics_dri`
    hint: did you mean `unit.metrics_dir`?
    ");
    assert_snapshot!(check("count = { limt = 3 }\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:1: unknown key `count.limt`
    hint: did you mean `count.limit`?
    ");
    assert_snapshot!(check("count.limt = 3\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:1: unknown key `count.limt`
    hint: did you mean `count.limit`?
    ");
    assert_snapshot!(check("something = 1\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:1: unknown key `something`
    hint: the top level knows `loki`, `clickhouse`, `count`, `webhook`, `names`, `rules`, `unit`
    ");
}

#[test]
fn a_wrong_type_names_file_line_key_found_and_expected() {
    assert_snapshot!(check("[count]\n# a comment\nlimit = \"many\"\n"), @r#"
    exit 78
    --- stderr
    line-counter: tool.toml:3: `count.limit`: found string "many", expected a whole number, 0 or more
    "#);
    assert_snapshot!(check("[count]\nlimit = -1\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:2: `count.limit`: found integer -1, expected a whole number, 0 or more
    ");
    assert_snapshot!(check("[count]\nstrict = 1\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:2: `count.strict`: found integer 1, expected true or false
    ");
    assert_snapshot!(check("[count]\nskip = \"a\"\n"), @r#"
    exit 78
    --- stderr
    line-counter: tool.toml:2: `count.skip`: found string "a", expected a list
    "#);
    assert_snapshot!(check("[count]\nmode = \"line\"\n"), @r#"
    exit 78
    --- stderr
    line-counter: tool.toml:2: `count.mode`: found "line", expected "lines" or "words"
    hint: did you mean "lines"?
    "#);
    assert_snapshot!(check("count = 5\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:1: `count`: found integer 5, expected a table
    ");
    assert_snapshot!(check("[unit]\nlog_level = \"verbose\"\n"), @r#"
    exit 78
    --- stderr
    line-counter: tool.toml:2: `unit.log_level`: found "verbose", expected "error" or "warn" or "info" or "debug" or "trace"
    "#);
    assert_snapshot!(check("[[rules]]\nname = \"a\"\nlevel = 1\n\n[[rules]]\nname = \"b\"\nlevel = 300\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:7: `rules[1].level`: found integer 300, expected a whole number from 0 to 255
    ");
    assert_snapshot!(check("[[rules]]\nname = \"a\"\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:1: `rules[0]`: missing field `level`
    ");
}

#[test]
fn a_value_that_makes_no_sense_names_where_it_was_set() {
    assert_snapshot!(check("[count]\nlimit = 0\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:2: `count.limit` is 0, expected 1 or more
    hint: leave it out for 1000
    ");
    assert_snapshot!(with_env(&[("YAGURA_LINE_COUNTER_COUNT_LIMIT", "0")], &["count"]), @r"
    exit 78
    --- stderr
    line-counter: environment variable YAGURA_LINE_COUNTER_COUNT_LIMIT: `count.limit` is 0, expected 1 or more
    hint: leave it out for 1000
    ");
    assert_snapshot!(Bench::new().run(&["count", "--limit", "0"]), @r"
    exit 78
    --- stderr
    line-counter: flag --limit: `count.limit` is 0, expected 1 or more
    hint: leave it out for 1000
    ");
}

#[test]
fn what_is_no_toml_names_the_line() {
    assert_snapshot!(check("[count]\nlimit = \n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:2: not valid TOML: string values must be quoted, expected literal string
    ");
    assert_snapshot!(check("[count]\nlimit = 1\nlimit = 2\n"), @r"
    exit 78
    --- stderr
    line-counter: tool.toml:3: not valid TOML: duplicate key
    ");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["--config", "missing.toml", "count"]), @r"
    exit 78
    --- stderr
    line-counter: missing.toml: read configuration: No such file or directory (os error 2)
    ");
    assert_snapshot!(bench.run(&["--check-config", "missing.toml"]), @r"
    exit 78
    --- stderr
    line-counter: missing.toml: read configuration: No such file or directory (os error 2)
    ");
    assert_snapshot!(bench.run(&["--config", "/", "count"]), @r"
    exit 78
    --- stderr
    line-counter: /: read configuration: Is a directory (os error 21)
    ");
}

#[test]
fn an_environment_variable_is_named_in_its_error() {
    assert_snapshot!(with_env(&[("YAGURA_LINE_COUNTER_COUNT_LIMIT", "many")], &["count"]), @r#"
    exit 78
    --- stderr
    line-counter: environment variable YAGURA_LINE_COUNTER_COUNT_LIMIT: `count.limit`: found string "many", expected a whole number, 0 or more
    "#);
    assert_snapshot!(with_env(&[("YAGURA_LINE_COUNTER_COUNT_LIMTI", "1")], &["count"]), @r"
    exit 78
    --- stderr
    line-counter: environment variable YAGURA_LINE_COUNTER_COUNT_LIMTI: names no key of the configuration
    hint: did you mean YAGURA_LINE_COUNTER_COUNT_LIMIT?
    ");
    assert_snapshot!(with_env(&[("YAGURA_LINE_COUNTER_UNIT_LOG_LEVEL", "inof")], &["count"]), @r#"
    exit 78
    --- stderr
    line-counter: environment variable YAGURA_LINE_COUNTER_UNIT_LOG_LEVEL: `unit.log_level`: found "inof", expected "error" or "warn" or "info" or "debug" or "trace"
    hint: did you mean "info"?
    "#);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let mut bench = Bench::new();
    let shown = |bench: &Bench, args: &[&str]| {
        let text = bench.run_config("[count]\nlimit = 1\npace = 1\n", args);
        text.lines().find_map(|line| line.strip_prefix("limit = ").map(str::to_owned)).unwrap()
    };
    assert_eq!(shown(&bench, &["--print-config"]), "1");
    bench.env("YAGURA_LINE_COUNTER_COUNT_LIMIT", "2");
    assert_eq!(shown(&bench, &["--print-config"]), "2");
    assert_eq!(shown(&bench, &["--print-config", "count", "--limit", "3"]), "3");
}

#[test]
fn the_environment_reaches_every_kind_of_key() {
    let vars = [
        ("LOKI_URL", "http://loki:3100"),
        ("CLICKHOUSE_URL", "http://ch:8123"),
        ("YAGURA_LINE_COUNTER_CLICKHOUSE_URL", "http://wins:8123"),
        ("YAGURA_LINE_COUNTER_COUNT_PACE", "2"),
        ("YAGURA_LINE_COUNTER_COUNT_STRICT", "true"),
        ("YAGURA_LINE_COUNTER_COUNT_SKIP", "a, b"),
        ("YAGURA_LINE_COUNTER_COUNT_MODE", "words"),
        ("YAGURA_LINE_COUNTER_LOKI_PASSWORD_FILE", "/run/secret"),
        ("YAGURA_LINE_COUNTER_RULES", "[{name = 'r', level = 2}]"),
        ("YAGURA_LINE_COUNTER_NAMES", "{a = 'x'}"),
        ("YAGURA_LINE_COUNTER_UNIT_METRICS_DIR", "/run/metrics"),
    ];
    assert_snapshot!(with_env(&vars, &["--print-config"]));
}

#[test]
fn printing_the_configuration_hides_secrets() {
    let config = "webhook = \"https://discord/secret\"\n[loki]\nurl = \"http://user:pass@loki:3100/x\"\n";
    let bench = Bench::new();
    let text = bench.run_config(config, &["--print-config"]);
    assert_snapshot!(text);
    let json = bench.run_config(config, &["--print-config", "--json"]);
    assert!(!json.contains("pass@") && !json.contains("discord"), "{json}");
    let document: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!(document["loki"]["url"], "http://***@loki:3100/x");
    assert_eq!(document["loki"]["password_file"], serde_json::Value::Null);
}

#[test]
fn what_is_printed_can_be_read_back() {
    let bench = Bench::new();
    let first = bench.output(&["--print-config"]);
    bench.write("printed.toml", &String::from_utf8(first.stdout.clone()).unwrap());
    let second = bench.output(&["--print-config", "--config", "printed.toml"]);
    assert_eq!(String::from_utf8(first.stdout).unwrap(), String::from_utf8(second.stdout).unwrap());
}

#[test]
fn the_names_of_the_predecessor_work_with_a_hint() {
    let log = |vars: &[(&str, &str)]| with_env(vars, &["count"]);
    assert_snapshot!(log(&[("CLICKHOUSE_HOST", "nixos-desktop"), ("CLICKHOUSE_PORT", "8124")]), @r"
    exit 0
    --- stdout
    counted lines=0 files=0
    --- stderr
    warn line-counter: CLICKHOUSE_HOST and CLICKHOUSE_PORT are the predecessor's, set CLICKHOUSE_URL=http://nixos-desktop:8124
    ");
    assert_snapshot!(log(&[("CLICKHOUSE_HOST", "nixos-desktop"), ("CLICKHOUSE_PORT", "9000")]), @r"
    exit 78
    --- stderr
    line-counter: environment variable CLICKHOUSE_PORT: 9000 is the port of the native protocol, expected the HTTP port
    hint: set CLICKHOUSE_URL=http://nixos-desktop:8123, the HTTP port
    ");
    assert_snapshot!(log(&[("CLICKHOUSE_PORT", "http")]), @r#"
    exit 78
    --- stderr
    line-counter: environment variable CLICKHOUSE_PORT: found "http", expected a port number
    hint: set CLICKHOUSE_URL=http://127.0.0.1:8123, the HTTP port
    "#);
    let superseded = log(&[("CLICKHOUSE_PORT", "9000"), ("CLICKHOUSE_URL", "http://x:8123")]);
    assert!(superseded.starts_with("exit 0"), "{superseded}");
    let empty =
        with_env(&[("CLICKHOUSE_URL", ""), ("LOKI_URL", ""), ("CLICKHOUSE_HOST", "")], &["--print-config"]);
    assert_eq!(empty.matches("url = \"http://127.0.0.1:9\"").count(), 2, "empty means not set\n{empty}");
    let shown = with_env(&[("CLICKHOUSE_HOST", "fd00::1")], &["--print-config"]);
    assert!(shown.contains("url = \"http://[fd00::1]:8123\""), "{shown}");
}

#[test]
fn checking_a_file_looks_at_nothing_else() {
    let mut bench = Bench::new();
    bench.env("YAGURA_LINE_COUNTER_COUNT_LIMIT", "nonsense");
    bench.write("good.toml", "[loki]\npassword_file = \"/nonexistent\"\n");
    bench.write("bad.toml", "[count]\nlimit = 0\n");
    assert_snapshot!(bench.run(&["--check-config", "good.toml"]), @r"
    exit 0
    --- stdout
    good.toml: ok
    ");
    assert_snapshot!(bench.run(&["--json", "--check-config", "good.toml"]), @r#"
    exit 0
    --- stdout
    {"file":"good.toml","ok":true}
    "#);
    assert_snapshot!(bench.run(&["--check-config", "bad.toml"]), @r"
    exit 78
    --- stderr
    line-counter: bad.toml:2: `count.limit` is 0, expected 1 or more
    hint: leave it out for 1000
    ");
    assert!(!bench.path(".local").exists(), "no state directory was made");
}
