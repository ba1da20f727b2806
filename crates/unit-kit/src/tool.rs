//! From command line to exit code: the one `main` of all tools.

use crate::cli::{self, Globals};
use crate::config::{self, Config, ConfigError, Loaded, LogLevel, Sources};
use crate::context::{Context, RunMetrics};
use crate::fault::{self, Fault, Outcome, exit_code_of, is_stdout_closed};
use crate::logging;
use crate::notify::Notify;
use crate::output::Output;
use crate::progress::ProgressFactory;
use anyhow::Context as _;
use clap::{FromArgMatches as _, Subcommand};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// A command line tool that systemd runs.
pub trait Tool {
    /// The program's name, as typed.
    const NAME: &'static str;
    /// What it does, in one line.
    const ABOUT: &'static str;
    /// Its subcommands.
    type Command: Subcommand;
    /// Its configuration.
    type Config: Config;

    /// Runs a command.
    fn run(
        ctx: Context<Self::Config>,
        command: Self::Command,
    ) -> impl Future<Output = anyhow::Result<Outcome>>;

    /// Keys of the configuration that flags of this command set: (flag as typed, dotted key, value). They win over
    /// file and environment, and errors name the flag.
    fn overrides(_command: &Self::Command) -> Vec<(&'static str, &'static str, String)> {
        Vec::new()
    }
}

/// Where the configuration is looked for when `--config` is not given.
const CONFIG_DIR: &str = "/etc/yagura";

/// How long blocking work may go on after the run has ended.
const SHUTDOWN: Duration = Duration::from_secs(3);

/// The whole of a tool's `main`:
///
/// ```no_run
/// # struct Tool;
/// # #[derive(clap::Subcommand)] enum Command { /// Does it.
/// # Run }
/// # impl unit_kit::Tool for Tool {
/// #     const NAME: &'static str = "example"; const ABOUT: &'static str = "An example";
/// #     type Command = Command; type Config = ();
/// #     async fn run(_: unit_kit::Context<()>, _: Command) -> anyhow::Result<unit_kit::Outcome> {
/// #         Ok(unit_kit::Outcome::Done)
/// #     }
/// # }
/// fn main() -> std::process::ExitCode {
///     unit_kit::main::<Tool>()
/// }
/// ```
pub fn main<T: Tool>() -> ExitCode {
    let outcome = run::<T>(std::env::args_os());
    let code = match outcome {
        Ok(code) => code,
        Err(error) if is_stdout_closed(&error) => 0,
        Err(error) => {
            // The one place where a failure is printed. If stderr is gone too, the exit code has to do.
            let _ = std::io::stderr().lock().write_all(fault::render(T::NAME, &error).as_bytes());
            exit_code_of(&error)
        }
    };
    ExitCode::from(code)
}

fn run<T: Tool>(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<u8> {
    let mut command = cli::command::<T>();
    let matches = match command.try_get_matches_from_mut(args) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are errors to clap; it knows which stream and which code they want.
            let code = error.exit_code();
            return match error.print() {
                Err(broken) if broken.kind() != std::io::ErrorKind::BrokenPipe => Err(broken.into()),
                _ => Ok(u8::try_from(code).unwrap_or(1)),
            };
        }
    };
    let globals = Globals::from_arg_matches(&matches)?;
    let out = Output::stdout();
    match matches.subcommand() {
        Some((cli::COMPLETIONS, matches)) => {
            return cli::completions(&mut command, matches, &out).map(|()| 0);
        }
        Some((cli::MAN, _)) => return cli::man(command, &out).map(|()| 0),
        _ => {}
    }
    if let Some(file) = &globals.check_config {
        check_config::<T>(file, globals.json, &out)?;
        return Ok(0);
    }
    let chosen = matches.subcommand().map(|_| T::Command::from_arg_matches(&matches)).transpose()?;
    let loaded = config::load::<T::Config>(&sources::<T>(&globals, chosen.as_ref()))
        .map_err(ConfigError::into_anyhow)?;
    if globals.print_config {
        if globals.json {
            out.json(&config::print_json(&loaded)?)?;
        } else {
            out.text(config::print_toml(&loaded)?)?;
        }
        return Ok(0);
    }
    let Some(chosen) = chosen else {
        let help = command.render_help();
        let help = if logging::colour_on_stderr() { help.ansi().to_string() } else { help.to_string() };
        let _ = std::io::stderr().lock().write_all(help.as_bytes());
        return Ok(Fault::Usage.exit_code());
    };
    work::<T>(loaded, &globals, chosen, out)
}

fn work<T: Tool>(
    loaded: Loaded<T::Config>,
    globals: &Globals,
    command: T::Command,
    out: Output,
) -> anyhow::Result<u8> {
    logging::install(T::NAME, level(globals, &loaded));
    for note in &loaded.notes {
        log::warn!(target: T::NAME, "{note}");
    }
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let run = RunMetrics::new();
    let metrics_dir = loaded.unit.metrics_dir.clone();
    let notify = Notify::from_env();
    let ctx = Context {
        config: loaded.config,
        unit: loaded.unit,
        tool: T::NAME,
        json: globals.json,
        quiet: globals.quiet,
        state_dir: globals.state_dir.clone().unwrap_or_else(|| default_state_dir(T::NAME)),
        notify: notify.clone(),
        progress: ProgressFactory::new(!globals.quiet && !globals.json),
        out,
        credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        run: run.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    let result = runtime.block_on(T::run(ctx, command));
    runtime.shutdown_timeout(SHUTDOWN);
    run.finish(metrics_dir.as_deref(), result.is_ok());
    match result {
        Ok(outcome) => Ok(outcome.exit_code()),
        Err(error) => {
            if !is_stdout_closed(&error) {
                notify.status(format!("failed: {error:#}"));
            }
            Err(error)
        }
    }
}

/// Checks the file alone: the environment of a Nix build says nothing about the machine the file is for.
fn check_config<T: Tool>(file: &Path, json: bool, out: &Output) -> anyhow::Result<()> {
    let sources = Sources { tool: T::NAME, file: Some(file.to_owned()), ..Sources::default() };
    config::load::<T::Config>(&sources).map_err(ConfigError::into_anyhow)?;
    if json {
        out.json(&serde_json::json!({ "file": file, "ok": true }))?;
    } else {
        out.line(format_args!("{}: ok", file.display()))?;
    }
    Ok(())
}

fn sources<T: Tool>(globals: &Globals, command: Option<&T::Command>) -> Sources {
    let default = Path::new(CONFIG_DIR).join(format!("{}.toml", T::NAME));
    let env = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let env: BTreeMap<String, String> =
        env.map(|(name, value)| (name, value.to_string_lossy().into_owned())).collect();
    let flags = command.map(T::overrides).unwrap_or_default();
    Sources {
        tool: T::NAME,
        file: globals.config.clone().or_else(|| default.exists().then_some(default)),
        env,
        flags: flags.into_iter().map(|(flag, key, value)| (flag.to_owned(), key.to_owned(), value)).collect(),
    }
}

fn level<C>(globals: &Globals, loaded: &Loaded<C>) -> log::LevelFilter {
    match globals.log_level {
        Some(level) => level.filter(),
        None if globals.quiet => loaded.unit.log_level.filter().min(LogLevel::Warn.filter()),
        None => loaded.unit.log_level.filter(),
    }
}

/// `$STATE_DIRECTORY` (systemd; the first if there are several), else the user's state directory.
fn default_state_dir(tool: &str) -> PathBuf {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dirs) = var("STATE_DIRECTORY") {
        let dirs = dirs.to_string_lossy();
        return PathBuf::from(dirs.split(':').next().unwrap_or(&dirs));
    }
    let base = var("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| var("HOME").map(|home| Path::new(&home).join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("/var/lib"));
    base.join("yagura").join(tool)
}
