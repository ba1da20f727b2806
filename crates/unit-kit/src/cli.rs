//! The parts of the command line that all tools share.

use crate::config::LogLevel;
use crate::output::Output;
use crate::tool::Tool;
use clap::{Arg, ArgMatches, Args, Command, Subcommand as _};
use clap_complete::Shell;
use std::fmt::Write as _;
use std::path::PathBuf;

pub(crate) const COMPLETIONS: &str = "completions";
pub(crate) const MAN: &str = "man";

/// All crates of the workspace have one version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "done, or nothing to do"),
    ("1", "failed"),
    ("2", "wrong usage"),
    ("3", "done, but something needs eyes"),
    ("75", "something this tool depends on is away, or another run holds the lock; try later"),
    ("78", "wrong configuration"),
];

/// Flags that every tool has, before or after its command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Directory for state and lock
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// What is logged [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
    /// Log warnings and errors only, and show no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Print the effective configuration with secrets hidden, and exit
    #[arg(long, global = true)]
    pub(crate) print_config: bool,
    /// Check a configuration file without touching network or state, and exit 0 or 78
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) check_config: Option<PathBuf>,
}

/// The whole command line of a tool.
pub(crate) fn command<T: Tool>() -> Command {
    let command = Command::new(T::NAME).version(VERSION);
    // The tool's commands first: `augment_subcommands` sets what suits a tool without global modes.
    let command = T::Command::augment_subcommands(command);
    let command = Globals::augment_args(command)
        .mut_arg("config", |arg| {
            arg.help(format!("Configuration file [default: /etc/yagura/{}.toml if it exists]", T::NAME))
        })
        .mut_arg("state_dir", |arg| {
            let user = format!("$XDG_STATE_HOME/yagura/{}", T::NAME);
            arg.help(format!("Directory for state and lock [default: $STATE_DIRECTORY, else {user}]"))
        })
        // Last, because the doc comments of both derived types would speak for the tool otherwise.
        .about(T::ABOUT)
        .long_about(None)
        .subcommand_required(false)
        .arg_required_else_help(false)
        .after_long_help(exit_status_text());
    command
        .subcommand(Command::new(COMPLETIONS).about("Print the completions of a shell").arg(
            Arg::new("shell").required(true).value_parser(clap::value_parser!(Shell)).value_name("SHELL"),
        ))
        .subcommand(Command::new(MAN).about("Print the manual page"))
}

/// Prints the completions of a shell.
pub(crate) fn completions(command: &mut Command, matches: &ArgMatches, out: &Output) -> anyhow::Result<()> {
    if let Some(shell) = matches.get_one::<Shell>("shell") {
        let mut script = Vec::new();
        let name = command.get_name().to_owned();
        clap_complete::generate(*shell, command, name, &mut script);
        out.text(script)?;
    }
    Ok(())
}

/// Prints the manual page: the tool, then each command with its options.
pub(crate) fn man(mut command: Command, out: &Output) -> anyhow::Result<()> {
    command.build();
    let mut page = Vec::new();
    let whole = clap_mangen::Man::new(command.clone()).manual("Yagura").source(format!("Yagura {VERSION}"));
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        command_section(command.get_name(), sub, &mut page)?;
    }
    page.extend_from_slice(tail(command.get_name()).as_bytes());
    out.text(page)?;
    Ok(())
}

fn command_section(parent: &str, command: &Command, page: &mut Vec<u8>) -> anyhow::Result<()> {
    let name = format!("{parent} {}", command.get_name());
    // Global options are described once, above.
    let own = command.clone().mut_args(|arg| {
        let hide = arg.is_global_set() || arg.get_id() == "help";
        if hide { arg.hide(true) } else { arg }
    });
    let man = clap_mangen::Man::new(own);
    let mut section = Vec::new();
    man.render_synopsis_section(&mut section)?;
    man.render_description_section(&mut section)?;
    let described = command
        .get_arguments()
        .any(|arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help");
    if described {
        man.render_options_section(&mut section)?;
    }
    page.extend_from_slice(format!(".SS \"{}\"\n", name.replace('-', "\\-")).as_bytes());
    for line in String::from_utf8_lossy(&section).lines() {
        // The headings of a whole page become paragraphs of this section.
        match line.strip_prefix(".SH ") {
            Some("SYNOPSIS" | "DESCRIPTION" | "OPTIONS") => page.extend_from_slice(b".PP\n"),
            Some(heading) => page.extend_from_slice(format!(".PP\n\\fB{heading}\\fR\n.PP\n").as_bytes()),
            None if line.starts_with(".ie") || line.starts_with(".el") => {}
            None => {
                page.extend_from_slice(line.as_bytes());
                page.push(b'\n');
            }
        }
    }
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        command_section(&name, sub, page)?;
    }
    Ok(())
}

fn tail(tool: &str) -> String {
    let mut text = String::from(".SH \"EXIT STATUS\"\n");
    // Writing to a String cannot fail.
    for (code, meaning) in EXIT_STATUS {
        let _ = write!(text, ".TP\n\\fB{code}\\fR\n{meaning}\n");
    }
    let prefix = tool.to_uppercase().replace('-', "_");
    let _ = write!(
        text,
        ".SH ENVIRONMENT\n\
         .TP\n\\fBYAGURA_{prefix}_\\fISECTION\\fB_\\fIKEY\\fR\n\
         Sets a key of the configuration; wins over the file, and flags win over it.\n\
         .TP\n\\fBLOKI_URL\\fR, \\fBCLICKHOUSE_URL\\fR\nSet \\fIloki.url\\fR and \\fIclickhouse.url\\fR.\n\
         .TP\n\\fBSTATE_DIRECTORY\\fR, \\fBCREDENTIALS_DIRECTORY\\fR, \\fBJOURNAL_STREAM\\fR, \\fBNOTIFY_SOCKET\\fR\n\
         Set by systemd and used as it documents them.\n\
         .TP\n\\fBNO_COLOR\\fR\nIf set, nothing is coloured.\n\
         .SH FILES\n.TP\n\\fI/etc/yagura/{}.toml\\fR\nThe configuration, if \\fB\\-\\-config\\fR is not given.\n",
        tool.replace('-', "\\-")
    );
    text
}

fn exit_status_text() -> String {
    let mut text = String::from("Exit status:\n");
    for (code, meaning) in EXIT_STATUS {
        let _ = writeln!(text, "  {code:<2}  {meaning}");
    }
    text
}
