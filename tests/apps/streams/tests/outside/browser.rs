//! A browser watches the clock.

use crate::support::webdriver::{Browser, in_browser};
use crate::support::{Program, curl, until};
use crate::{rest_of, streams};

/// The state of the connection, as the page shows it.
fn state(browser: &Browser) -> String {
    browser.find("#state").text()
}

/// The seconds that the page shows, each with its number of the connection.
fn ticks(browser: &Browser) -> Vec<(u64, u64)> {
    let text = browser.execute("return document.getElementById('ticks').innerText");
    let tick = |line: &str| {
        let (connection, second) = line.strip_prefix("connection ")?.strip_suffix(" s since 1970")?.split_once(": ")?;
        Some((connection.parse().ok()?, second.parse().ok()?))
    };
    text.as_str().unwrap().lines().map(|line| tick(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}

#[test]
fn a_page_shows_every_second_although_each_stream_ends_after_two() {
    in_browser("a_page_shows_every_second_although_each_stream_ends_after_two", |browser| {
        let mut program = streams();
        browser.navigate(&format!("{}?seconds=2", program.url()));
        // It reconnects 2.5 s after the end of a stream, and gets the seconds in between then.
        let ticks = until("the third connection", || {
            Some(ticks(browser)).filter(|ticks| ticks.last().is_some_and(|(connection, _)| *connection == 3))
        });
        let expected: Vec<u64> = (ticks[0].1..).take(ticks.len()).collect();
        assert_eq!(ticks.iter().map(|(_, second)| *second).collect::<Vec<_>>(), expected, "{ticks:?}");
        assert_eq!([program.line(), program.line()], ["clock: complete", "clock: complete"]);
        let time = browser.find("#time").text();
        assert!(time.ends_with(" UTC"), "{time:?}");
    });
}

#[test]
fn a_page_reads_the_download_while_it_arrives_or_gives_up() {
    /// Counts the bytes in `received`, and sets `ended` when there are no more or the download is aborted.
    const DOWNLOAD: &str = r#"
        window.received = 0;
        window.ended = null;
        window.download = new AbortController();
        (async () => {
            const response = await fetch("download", { signal: window.download.signal });
            for await (const piece of response.body) window.received += piece.length;
            window.ended = "complete";
        })().catch(error => window.ended = error.name);
    "#;
    in_browser("a_page_reads_the_download_while_it_arrives_or_gives_up", |browser| {
        let mut program = streams();
        let ended = || browser.execute("return window.ended").as_str().map(str::to_owned);
        let received = || browser.execute("return window.received").as_u64().unwrap();
        browser.navigate(&format!("{}?seconds=0", program.url()));

        browser.execute(DOWNLOAD);
        assert_eq!(until("the end of the download", ended), "complete");
        assert_eq!(received(), 300 * 1024 * 1024);
        let mut lines = vec![program.line(), program.line()];
        lines.sort();
        assert_eq!(lines, ["clock: complete", "download: complete"]);

        browser.execute(DOWNLOAD);
        until("a part of the download", || (received() > 0).then_some(()));
        browser.execute("window.download.abort()");
        assert_eq!(until("the download to be aborted", ended), "AbortError");
        let line =
            until("the end of the download", || Some(program.line()).filter(|line| line.starts_with("download")));
        assert_eq!(line, "download: the client has left");
    });
}

#[test]
fn a_program_that_is_told_to_stop_ends_all_streams() {
    const TEST: &str = "a_program_that_is_told_to_stop_ends_all_streams";
    let Some(curl) = curl(TEST) else { return };
    in_browser(TEST, |browser| {
        let mut program = streams();
        let url = |path: &str| format!("{}{path}", program.url());
        let mut watcher = Program::start(&mut curl(&["-N", &url("clock")]), 0);
        assert_eq!(watcher.line(), "event: tick");
        // Takes minutes, but the few MiB that the kernel holds for curl when the program has ended do not.
        let mut download = Program::start(&mut curl(&["-N", "--limit-rate", "2M", &url("download")]), 0);
        assert!(download.line().starts_with("0000000,"));
        browser.navigate(&url(""));
        until("a tick in the page", || ticks(browser).first().copied());

        program.signal("TERM");
        assert!(program.wait().success());
        let end = "clock: ended, because the server stops";
        let cut = "download: cut off, because the server stops";
        assert_eq!(rest_of(&mut program), ["Connections cut off: 1", end, end, cut]);
        assert_eq!(watcher.wait().code(), Some(0), "the stream of events is complete");
        let partial = download.wait().code();
        assert!(matches!(partial, Some(18 | 56)), "curl sees that the file is not: {partial:?}");
        until("the page to notice", || (state(browser) == "reconnecting").then_some(()));
    });
}
