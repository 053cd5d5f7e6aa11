//! curl watches the clock and downloads.

use std::process::{Command, Stdio};

use crate::streams;
use crate::support::{Program, Run, curl, output_of, until};

/// That of the lines which `seq -f '%07.0f,this row was written while the rows before it were sent' 0 4915199` prints.
const SHA_256_OF_ROWS: &str = "2e76445992562af08a2df4d92493f755b1879b45ead76c314dbb4d5c4c1febe1";

/// Reads an event of the clock, and returns its second.
#[track_caller]
fn next_tick(curl: &mut Program) -> u64 {
    let lines: Vec<String> = (0..6).map(|_| curl.line()).collect();
    let second: u64 =
        lines[1].strip_prefix("id: ").and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{lines:?}"));
    let time = format!("data: {:02}:{:02}:{:02} UTC", second / 3600 % 24, second / 60 % 60, second % 60);
    let since = format!("data: {second} s since 1970");
    assert_eq!(lines, ["event: tick", &lines[1], "retry: 2500", &since, &time, ""]);
    second
}

#[test]
fn the_clock_ticks_and_resumes() {
    let Some(curl) = curl("the_clock_ticks_and_resumes") else { return };
    let mut program = streams();
    let clock = format!("{}clock", program.url());
    let watch = |last_seen: &str| {
        let field = format!("Last-Event-ID: {last_seen}");
        Program::start(&mut curl(&["-N", "-H", &field, &clock]), 0)
    };

    let mut watcher = Program::start(&mut curl(&["-N", &clock]), 0);
    let first = next_tick(&mut watcher);
    assert_eq!([next_tick(&mut watcher), next_tick(&mut watcher)], [first + 1, first + 2]);
    drop(watcher);
    assert_eq!(program.line(), "clock: the client has left");

    let mut again = watch(&first.to_string());
    assert_eq!([next_tick(&mut again), next_tick(&mut again)], [first + 1, first + 2], "what it has missed");
    drop(again);
    assert_eq!(program.line(), "clock: the client has left");

    for (last_seen, why) in [("0", "only the last minute"), (&u64::MAX.to_string(), "not yet"), ("-1", "no id of ours")]
    {
        let second = next_tick(&mut watch(last_seen));
        assert!(second >= first - 60 && second < first + 600, "{last_seen}: {second}: {why}");
        assert_eq!(program.line(), "clock: the client has left");
    }
}

#[test]
fn a_download_takes_no_memory() {
    let Some(curl) = curl("a_download_takes_no_memory") else { return };
    let mut program = streams();
    let mut download = curl(&[&format!("{}download", program.url())]).stdout(Stdio::piped()).spawn().unwrap();
    let rows = download.stdout.take().unwrap();
    let hash = output_of(Command::new("sha256sum").stdin(rows).stdout(Stdio::piped()).spawn().unwrap());
    assert!(output_of(download).status.success());
    assert_eq!(String::from_utf8(hash.stdout).unwrap().split(' ').next(), Some(SHA_256_OF_ROWS));
    assert_eq!(program.line(), "download: complete");

    let peak = program.peak_memory();
    assert!(peak < 32 * 1024, "{peak} KiB for content of 300 MiB");
}

#[test]
fn more_streams_than_allowed_are_refused_and_pages_are_served() {
    let Some(curl) = curl("more_streams_than_allowed_are_refused_and_pages_are_served") else { return };
    let program = streams();
    let url = |path: &str| format!("{}{path}", program.url());
    let first_row = "0000000,this row was written while the rows before it were sent";
    let mut downloads: Vec<Program> = (0..4)
        .map(|_| {
            let mut download = Program::start(&mut curl(&["-N", "--limit-rate", "100k", &url("download")]), 0);
            assert_eq!(download.line(), first_row);
            download
        })
        .collect();

    let status_and_retry = |path: &str| {
        let shown = "%{http_code} %header{retry-after}";
        let output = curl(&["-o", "/dev/null", "-w", shown, &url(path)]).run();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for path in ["clock?seconds=0", "download"] {
        assert_eq!(status_and_retry(path), "503 5", "{path}");
    }
    assert_eq!(status_and_retry(""), "200 ", "the page is no stream");

    downloads.pop();
    until("room for another stream", || (status_and_retry("clock?seconds=0") == "200 ").then_some(()));
}
