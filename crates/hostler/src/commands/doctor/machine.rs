//! Kernel, processors, memory, open files, clock, Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostler_aws::sigv4::AmzDate;
use hostler_compute_process::ProcessConfig;
use hostler_types::{Clock, Millis, SystemClock};
use rustix::process::{Resource, getrlimit};
use tokio::process::Command;

use super::report::Row;
use crate::progress::size;

/// Below this a small model and the server do not fit together.
const MEMORY_BYTES_COMFORTABLE: u64 = 1_000_000_000;
/// A connection of a client and one to an instance, for some thousand requests at once.
const FILES_COMFORTABLE: u64 = 4096;
/// How far the clock may be behind the files that were written by it.
const CLOCK_SLACK_MS: i64 = 60_000;
/// The version, with a dash in front when no virtual environment can be made.
const ABILITIES: &str = "import sys\ntry:\n import venv, ensurepip\n mark = ''\nexcept ImportError:\n mark = '-'\n\
    print(mark + sys.version.split()[0])";
const CHILD_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn kernel() -> Row {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    match (release, fs::read_link("/proc/self/exe")) {
        (Ok(release), Ok(_)) => {
            Row::good("kernel", format!("Linux {} on {}", release.trim(), std::env::consts::ARCH))
        }
        _ => Row::missing(
            "kernel",
            "/proc cannot be read; instances are watched through it",
            "mount it: `mount -t proc proc /proc`",
        )
        .needed(),
    }
}

pub(super) fn cpus_and_memory() -> Row {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = if cpus == 1 { "1 CPU".to_owned() } else { format!("{cpus} CPUs") };
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let (Some(total), Some(available)) = (meminfo(&text, "MemTotal"), meminfo(&text, "MemAvailable")) else {
        return Row::limited(
            "CPUs and memory",
            format!("{cpus}; how much memory is free is not told"),
            "see that /proc/meminfo can be read",
        );
    };
    let says = format!("{cpus}; {} of {} of memory are available", size(available), size(total));
    if available >= MEMORY_BYTES_COMFORTABLE {
        return Row::good("CPUs and memory", says);
    }
    Row::limited("CPUs and memory", says, "end other programs, or serve small models only")
}

/// A line of `/proc/meminfo`, in bytes.
fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

pub(super) fn open_files() -> Row {
    let limit = getrlimit(Resource::Nofile);
    let shown = |limit: Option<u64>| limit.map_or("any number".to_owned(), |limit| limit.to_string());
    let says =
        format!("a process may open {} files ({} if it asks)", shown(limit.current), shown(limit.maximum));
    if limit.current.is_none_or(|files| files >= FILES_COMFORTABLE) {
        return Row::good("open files", says);
    }
    Row::limited(
        "open files",
        format!("{says}; a request under way takes two"),
        "`ulimit -n 65536` before `hostler serve`, or LimitNOFILE= in its systemd unit",
    )
}

pub(super) fn clock(data_dir: &Path) -> Row {
    let exe = std::env::current_exe().ok();
    let files = [exe, Some(data_dir.join("keys.json")), Some(data_dir.join("aws/config"))];
    let written = files.iter().flatten().filter_map(|file| Some((file, modified(file)?)));
    clock_row(SystemClock.now(), written.max_by_key(|(_, at)| *at))
}

fn clock_row(now: Millis, latest: Option<(&PathBuf, i64)>) -> Row {
    let shown = shown(now);
    match latest {
        Some((file, at)) if at > now.0 + CLOCK_SLACK_MS => Row::limited(
            "clock",
            format!("it says {shown}, but `{}` was written later", file.display()),
            "set the clock (chrony, systemd-timesyncd): clients whose clock differs by 5 minutes are refused",
        ),
        _ => Row::good("clock", format!("it says {shown} and has not gone back")),
    }
}

/// `2026-11-25 10:28:41 UTC`.
fn shown(at: Millis) -> String {
    let date = AmzDate::from_millis(at);
    let text = date.as_str();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let [year, month, day] = [part(0, 4), part(4, 6), part(6, 8)];
    format!("{year}-{month}-{day} {}:{}:{} UTC", part(9, 11), part(11, 13), part(13, 15))
}

fn modified(file: &Path) -> Option<i64> {
    let at = fs::metadata(file).ok()?.modified().ok()?;
    i64::try_from(at.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Scripts and mapped commands are looked for where instances look.
pub(super) async fn python() -> Row {
    let path = ProcessConfig::new("", "").path;
    let found = path.split(':').map(|dir| Path::new(dir).join("python3")).find(|file| file.is_file());
    let Some(found) = found else {
        return Row::missing(
            "python3",
            format!("there is none in {path}, where scripts and mapped commands are looked for"),
            "install it with its module venv (Debian and Ubuntu: apt install python3-venv) to serve models that bring a \
             script, or name its whole path in an [[image]] command",
        );
    };
    let output = Command::new(&found).args(["-c", ABILITIES]).kill_on_drop(true).output();
    match tokio::time::timeout(CHILD_TIMEOUT, output).await {
        Ok(Ok(output)) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let says = |what: &str| {
                format!("Python {} at {}, for {what}", said.trim_start_matches('-'), found.display())
            };
            if said.starts_with('-') {
                return Row::limited(
                    "python3",
                    format!("{}; it cannot make virtual environments", says("mapped commands")),
                    "install its module venv to serve models that bring a script (Debian and Ubuntu: apt install \
                     python3-venv)",
                );
            }
            Row::good("python3", says("scripts and mapped commands"))
        }
        _ => Row::limited(
            "python3",
            format!("`{}` does not answer", found.display()),
            "mend that Python if a script or an [[image]] command needs it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       24684084 kB\nMemFree:         1000 kB\nMemAvailable:     2048 kB\n";
        assert_eq!(meminfo(text, "MemTotal"), Some(24_684_084 * 1024));
        assert_eq!(meminfo(text, "MemAvailable"), Some(2_097_152));
        assert_eq!(meminfo(text, "Swap"), None);
    }

    #[test]
    fn a_moment_is_shown_as_date_prints_it() {
        // `date -u -d @1795600000`
        assert_eq!(shown(Millis(1_795_600_000_000)), "2026-11-25 09:46:40 UTC");
    }

    #[test]
    fn a_clock_that_went_back_is_seen_by_the_files_it_wrote() {
        let file = PathBuf::from("keys.json");
        let row = |at: i64| clock_row(Millis(1_000_000_000_000), Some((&file, at))).verdict;
        assert_eq!(row(1_000_000_000_000 + CLOCK_SLACK_MS), Verdict::Good);
        assert_eq!(row(1_000_000_000_001 + CLOCK_SLACK_MS), Verdict::Limited);
        assert_eq!(clock_row(Millis(0), None).verdict, Verdict::Good);
    }
}
