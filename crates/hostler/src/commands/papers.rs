//! `hostler completions SHELL` and `hostler man [COMMAND]`: papers made from the command line itself.

use anyhow::anyhow;
use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::hint::{Hinted, near};
use crate::output;

#[expect(clippy::unnecessary_wraps, reason = "a command like the others")]
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut shown(), "hostler", &mut script);
    output::bytes(&script);
    Ok(())
}

/// The command line without what only the server starts.
fn shown() -> clap::Command {
    let whole = Cli::command();
    let visible = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let shown = clap::Command::new("hostler").propagate_version(true).subcommands(visible);
    shown
        .version(env!("CARGO_PKG_VERSION"))
        .about(whole.get_about().cloned().unwrap_or_default())
        .after_long_help(whole.get_after_long_help().cloned().unwrap_or_default())
}

pub(crate) fn man(args: &ManArgs) -> anyhow::Result<()> {
    let mut command = shown().disable_help_subcommand(true);
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => {
            let Some(found) = command.find_subcommand(name) else {
                let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
                let near = near(name, names.iter().copied());
                let hint = if near.is_empty() { names.join(", ") } else { near.join(", ") };
                return Err(Hinted::wrap(
                    anyhow!("there is no command `{name}`"),
                    format!("there is {hint}"),
                ));
            };
            found.clone()
        }
    };
    let name = page.get_display_name().unwrap_or("hostler").to_owned();
    let mut roff = Vec::new();
    clap_mangen::Man::new(page).title(name.to_uppercase()).render(&mut roff)?;
    output::bytes(&roff);
    Ok(())
}
