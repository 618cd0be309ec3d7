//! What `hostler help COMMAND` says beyond the arguments: what it does, examples, exit codes, environment, files.
//!
//! Why: these texts are the manual; man pages are made from them too.
//! Invariants: lines fit 80 columns; an example can be typed as it stands.

pub(super) const HOSTLER: &str = "\
First steps:
  hostler demo                          the whole way once, then clean up
  hostler serve                         run a server in this terminal
  hostler doctor                        what this machine can run
  hostler deploy DIR --name digits      from a directory to an endpoint
  hostler help COMMAND                  a command in full

Exit codes:
  0    done
  1    it failed; the error, its causes and a hint are on standard error
  2    the command line is wrong
  130  interrupted by Ctrl-C

Environment:
  HOSTLER_DATA_DIR  the data directory (--data-dir)
  AWS_CA_BUNDLE     certificates to believe when a server speaks TLS (--ca-cert)
  NO_COLOR          any text turns colours off
  TERM              `dumb` turns colours and rewritten lines off

Files:
  .hostler/                      a server's data directory
  .hostler/aws/config            the URL and region of the server, as an AWS
  .hostler/aws/credentials       profile; its key, for the owner alone";

pub(super) const SERVE: &str = "\
Answers the SageMaker, SageMaker Runtime, S3 and STS APIs on one port until
SIGTERM or Ctrl-C. When it is ready, one line with the URL is on standard output;
the log goes to standard error.

Examples:
  hostler serve
  hostler serve --data-dir /var/lib/hostler --listen 127.0.0.1:0
  hostler serve --config hostler.toml --leave-running
  hostler serve --listen 0.0.0.0:7070 --tls-cert cert.pem --tls-key key.pem

Exit codes:
  0  stopped on request
  1  it could not start: a wrong setting, the port or the data directory in use

Environment:
  HOSTLER_DATA_DIR, HOSTLER_LISTEN, HOSTLER_CONFIG, HOSTLER_TLS_CERT,
  HOSTLER_TLS_KEY, HOSTLER_PROTECT_IN_USE, HOSTLER_STRICT_AWS,
  HOSTLER_LOG_FORMAT
                   the flags of these names
  HOSTLER_LOG      what is logged: error, warn, info (default), debug, or
                   directives such as hostler_control=debug

Files:
  hostler.toml            the settings, if --config names it
  DATA_DIR/hostler.db     what was asked for
  DATA_DIR/s3/            the embedded S3
  DATA_DIR/instances/     what runs, and its logs";

pub(super) const DEMO: &str = "\
Starts a server in a temporary directory, deploys a K-Means model of handwritten
digits, compares its answers with scikit-learn's, measures some invocations,
deletes everything and stops. With --keep the server stays until Ctrl-C.

Exit codes:
  0  every step worked and every answer was right
  1  one was not";

pub(super) const DEPLOY: &str = "\
Packs a directory (sorted, links only within it, nothing left out in silence) or
takes an archive as it is, uploads it to the bucket `hostler-deploy` of the
server's S3, creates a model and an endpoint config, creates or updates the
endpoint, and waits until it is InService. Progress goes to standard error: one
line that is written over on a terminal, a line per phase elsewhere. On standard
output stands where the endpoint answers.

Without --image the model itself decides: an engine that is built in serves what
it can read (`hostler inspect PATH` shows which and why). Everything else needs
--image with a name that the server's settings map to a command:

  [[image]]
  match = \"models.example/mine*\"
  command = [\"python3\", \"/srv/serve.py\", \"{port}\", \"{model_dir}\"]

An endpoint of this name that exists is updated (UpdateEndpoint, blue/green): the
former model answers until the new one is healthy, and no request is lost. The
endpoint keeps its instances, weight and instance type unless --count or --type
says otherwise; the former model, config and archive are kept. If the new model
fails, the endpoint goes back by itself, what was uploaded is taken back, and the
exit code is 1. A Failed endpoint cannot be updated, and one in which something
is on its way only after that: --replace deletes the endpoint and creates it anew;
requests in between are refused.

Ctrl-C before the endpoint is asked for takes back what was uploaded; after that a
creation or an update goes on, and what to type to see how far it is is said.

Examples:
  hostler deploy ./model --name digits
  hostler deploy model.tar.gz --name digits --type ml.c5.xlarge --count 2
  hostler deploy ./model --name mine --image models.example/mine:1 \\
      --env THREADS=2

Exit codes:
  0    the endpoint is InService with this model
  1    it is not; FailureReason and the end of the log are on standard error
  2    the command line is wrong
  130  interrupted

Environment:
  HOSTLER_DATA_DIR, AWS_CA_BUNDLE  as in `hostler help`
  TMPDIR                           where an archive is unpacked for a look

Files:
  s3://hostler-deploy/NAME/VERSION/model.tar.gz";

pub(super) const INSPECT: &str = "\
Needs no server. An archive is unpacked into a temporary directory with the
server's own rules and limits, so that what is refused here is what a deployment
would refuse. The engine that would serve the model is loaded in this process and
asked for the answer to one row of zeros.

Examples:
  hostler inspect model.tar.gz
  hostler inspect ./model --all --output json

Exit codes:
  0  a deployment would accept it (whether or not an engine is built in)
  1  it would be refused, or could not be read

Environment:
  TMPDIR  where an archive is unpacked";

pub(super) const LS: &str = "\
With --watch the list stays on the screen and follows what happens, until Ctrl-C:
status, config (and the one that an update brings), healthy and wanted instances,
age. On a pipe each change is a block of lines instead, and with --output json a
line. While the server does not answer, that is said, and it is asked again.

Examples:
  hostler ls
  hostler ls --watch
  hostler ls --watch --interval 0.5
  hostler ls --output json | jq -r '.[].EndpointName'

Exit codes:
  0    listed, also when there are none
  1    no server was found, or it refused
  130  --watch was interrupted";

pub(super) const QUOTAS: &str = "\
A row per quota: its limit, how much of it is used, and the key under [quotas] in
the settings that sets it.

Examples:
  hostler quotas
  hostler quotas --output json

Exit codes:
  0  shown
  1  no server was found, or it refused";

pub(super) const USAGE: &str = "\
Instance-hours, by type of instance, and invocations of every endpoint and variant
that there was in these days, deleted ones too; with --by-tag of every value of a
tag, as the endpoints were tagged then. An instance counts from its launch until
it is gone. Hours are exact; of invocations the last seconds are not written yet.

Examples:
  hostler usage
  hostler usage --by-tag team --month 2026-11
  hostler usage --since 2026-11-01 --until 2026-11-08 --csv

Exit codes:
  0  shown
  1  no server was found, or it refused";

pub(super) const DESCRIBE: &str = "\
Shows what DescribeEndpoint has no words for, too: instances with process ids and
health, the last failure of each place, and members of the request that have no
effect here. While the endpoint is updated: from which config to which, how far it
is and since when, and of both sides how many instances are healthy and which part
of the requests they get. After an update that went back, why.

Examples:
  hostler describe digits
  hostler describe digits --output json

Exit codes:
  0  shown
  1  there is no such endpoint, no server was found, or it refused";

pub(super) const PLAN: &str = "\
Says what UpdateEndpoint would do with an endpoint and a config, or CreateEndpoint
where there is no endpoint of this name: which instances are launched, drained and
removed, in which order and when, who answers meanwhile, what it takes at its
peak, what becomes of a failure, and what would refuse it. Nothing is done: the
server's own checks and its own planner are asked, over instances that exist in
memory only and never fail.

Times are those that the endpoint's instances really took to become healthy; how
long an unknown model takes is counted as nothing and said. So the whole takes at
least as long as is shown.

The way of the update is that of UpdateEndpoint: all at once, or as --canary,
--linear, --rolling or a DeploymentConfig in AWS's JSON form says.

Examples:
  hostler plan digits --config digits-2
  hostler plan digits --config digits-2 --canary 25 --wait 300
  hostler plan digits --config digits-2 --deployment-config rolling.json
  hostler plan digits --config digits-2 --output json | jq .DurationMs

  UpdateEndpoint would be accepted
  from       digits-1 (generation 1)
  to         digits-2 (generation 2), CANARY in 2 steps

        AT  HEALTHY            TRAFFIC             WHAT
     0.0 s  g1 2/2  g2 0/2     g1 100%             step 1: launch 2 of g2
     1.4 s  g1 2/2  g2 2/2     g1 75%  g2 25%      step 1: watched for 300 s
   301.4 s  g1 2/2  g2 2/2     g2 100%             g1 leaves: drain 2 of g1

Exit codes:
  0  it would be accepted
  1  it would be refused, with AWS's words; or no server was found
  2  the command line is wrong";

pub(super) const LOGS: &str = "\
Prints what the processes of an endpoint wrote to standard output and standard
error, each line with its instance where there are several (the instance's name
tells the generation: .g2. is of the second deployment), and with its container
where instances have several. Shown are those that run,
the last one of each place where none does, and after an update those that ran
before. The last 16 logs of removed instances are kept until the endpoint is
deleted.

Examples:
  hostler logs digits
  hostler logs digits -f
  hostler logs digits --container container-2

Exit codes:
  0  shown
  1  there is no such endpoint, no server was found, or it refused";

pub(super) const HISTORY: &str = "\
Prints every accepted change and every move of the status, the newest last: when
(UTC), the generation, what happened, who did it (`hostler` is the server itself),
and why. The newest 1,000 of each name are kept, at most 250,000 of all names
together, also when the endpoint is gone. A name that was used again has the
history of both; a line stands between them.

Examples:
  hostler history digits
  hostler history digits --limit 20
  hostler history digits-model --kind model --output json

Exit codes:
  0  shown
  1  nothing is known of that name, no server was found, or it refused";

pub(super) const DIAGNOSE: &str = "\
Says how an endpoint is, and of everything that is wrong: in which phase (Fetch,
Unpack, Start, Ping, Invoke), what happened in a sentence, what was seen (the exit
code or signal, where the program listens instead, the end of its log), and what
to try. Of an endpoint that failed it knows what was seen while its instances ran;
of one that serves, what is wrong now.

Examples:
  hostler diagnose digits
  hostler diagnose digits --output json

Exit codes:
  0  shown, whatever is wrong or not
  1  there is no such endpoint, no server was found, or it refused";

pub(super) const INVOKE: &str = "\
Sends one request and prints the answer's body as it came.

Examples:
  hostler invoke digits --body rows.csv --content-type text/csv
  echo '{\"instances\": [{\"features\": [0, 0]}]}' |
      hostler invoke digits --body - --content-type application/json

Exit codes:
  0  the model answered
  1  it answered with an error, or there was nobody to answer";

pub(super) const ENV: &str = "\
Examples:
  eval \"$(hostler env)\"
  aws sagemaker list-endpoints
  eval \"$(hostler env --profile team-b)\"

Exit codes:
  0  printed
  1  the data directory has no such profile

Files:
  DATA_DIR/aws/config, DATA_DIR/aws/credentials";

pub(super) const KEYS: &str = "\
A server begins with one key of one account. More keys make more accounts, which
never see each other's models, configs, endpoints and buckets; each has quotas of
its own. Only the server's own key, which is in its data directory, manages keys.

A revoked key is refused by every API when the command returns, and so are the
sessions that came from it; what it made stays with its account. A secret is shown
when the key is made and never again: what is kept is sealed with the cluster key
of the data directory's keys.json.

`rotate` replaces the server's own key while the server is stopped.

Examples:
  hostler keys create --account 111122223333
  hostler keys create --account 111122223333 --name ci --profile team-b
  hostler keys ls
  hostler keys revoke AKIA2XVVIA7HHHHHHHHH
  hostler keys revoke --account 111122223333

Exit codes:
  0  done
  1  no server was found, it refused, or there is no such key
  2  the command line is wrong

Files:
  DATA_DIR/aws/config, DATA_DIR/aws/credentials  the profile of --profile
  DATA_DIR/keys.json                             the server's own key";

pub(super) const DOCTOR: &str = "\
Looks at kernel, control groups, /opt/ml/model, container engines, accelerators,
disk, memory, open files, the port, the data directory, the clock and Python. Each
row is ok, limited (a server runs, with less) or missing, with a sentence and what
to do about it.

Examples:
  hostler doctor
  hostler doctor --data-dir /var/lib/hostler --output json

Exit codes:
  0  a server can run here
  1  it cannot; the rows marked `missing, needed` say why";

pub(super) const COMPLETIONS: &str = "\
Examples:
  hostler completions bash > ~/.local/share/bash-completion/completions/hostler
  hostler completions zsh > \"${fpath[1]}/_hostler\"
  hostler completions fish > ~/.config/fish/completions/hostler.fish";

pub(super) const MAN: &str = "\
Examples:
  hostler man | man -l -
  hostler man deploy > ~/.local/share/man/man1/hostler-deploy.1

Exit codes:
  0  printed
  1  there is no such command";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::cli::Cli;

    #[test]
    fn every_command_that_is_shown_explains_itself_in_lines_that_fit() {
        let command = Cli::command();
        command.clone().debug_assert();
        for shown in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            let name = shown.get_name();
            let help =
                shown.get_after_long_help().unwrap_or_else(|| panic!("{name} has no long help")).to_string();
            assert!(help.contains("Examples:") || help.contains("Exit codes:"), "{name}");
            let wide = help.lines().find(|line| line.chars().count() > 82);
            assert_eq!(wide, None, "{name}");
        }
    }
}
