//! `hostler completions SHELL` and `hostler man [COMMAND]`: papers made from the command line itself.

use anyhow::anyhow;
use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::hint::{Hinted, near};
use crate::output;

#[expect(clippy::unnecessary_wraps, reason = "a command like the others")]
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hostler", &mut script);
    output::bytes(&script);
    Ok(())
}

pub(crate) fn man(args: &ManArgs) -> anyhow::Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => {
            let shown: Vec<&clap::Command> =
                command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
            let Some(found) = shown.iter().find(|command| command.get_name() == name) else {
                let names: Vec<&str> = shown.iter().map(|command| command.get_name()).collect();
                let near = near(name, names.iter().copied());
                let hint = if near.is_empty() { names.join(", ") } else { near.join(", ") };
                return Err(Hinted::wrap(
                    anyhow!("there is no command `{name}`"),
                    format!("there is {hint}"),
                ));
            };
            (*found).clone()
        }
    };
    let name = page.get_display_name().unwrap_or("hostler").to_owned();
    let mut roff = Vec::new();
    clap_mangen::Man::new(page).title(name.to_uppercase()).render(&mut roff)?;
    output::bytes(&roff);
    Ok(())
}
