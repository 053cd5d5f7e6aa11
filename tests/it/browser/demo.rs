//! The pages of `www/`, served by the real server and used in a real browser.

use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::webdriver::{Browser, key};
use super::{DESKTOP, PHONE, Site, WWW, assert_fits, focus, in_browser, in_browser_with, shows, tab_to, texts, told};
use crate::examples::HAN_SOLO;
use crate::support::{Program, ask, example, get, until};

const PAGES: [&str; 5] = ["index.html", "make_a_guess.html", "note_taker.html", "upload.html", "write.html"];

#[test]
fn a_number_is_guessed_within_ten_tries() {
    in_browser("a_number_is_guessed_within_ten_tries", |browser, site| {
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&site.page("make_a_guess.html"));
        assert_eq!(browser.find("form").property("action"), site.page("guess"));
        let right = (0..10).find(|number| {
            let number = number.to_string();
            browser.find("#q").send_keys(&number);
            browser.find("button").click();
            let told = told(browser, &number);
            if told == format!("Yes, it was {number}! The server is thinking of another number.") {
                return true;
            }
            assert_eq!(told, format!("No, it is not {number}. Try another one."));
            false
        });
        assert!(right.is_some(), "none of the ten numbers was right");
    });
}

#[test]
fn guesses_are_listed_until_a_new_game_begins() {
    in_browser("guesses_are_listed_until_a_new_game_begins", |browser, site| {
        let guess = |number: &str| {
            browser.find("#q").send_keys(number);
            tab_to(browser, "guess");
            browser.press(key::ENTER);
            told(browser, number).starts_with("Yes")
        };
        // Another player has just tried the number, so it is not that one.
        let guess_wrong = |number: &str| {
            get(site.server.address(), &format!("/guess?q={number}"));
            assert!(!guess(number));
        };
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("make_a_guess.html"));
            browser.execute("sessionStorage.clear()");
            browser.navigate(&site.page("make_a_guess.html"));
            shows(browser, "#summary", &["None yet. Each guess will be listed here."]);
            assert_fits(browser, "make_a_guess.html");

            guess_wrong("7");
            shows(browser, "#tries li", &["7\nNo"]);
            shows(browser, "#summary", &["1 guess so far. Not tried yet: 0, 1, 2, 3, 4, 5, 6, 8, 9."]);
            guess_wrong("0");
            guess_wrong("7");
            shows(browser, "#tries li", &["7\nNo", "0\nNo", "7\nNo"]);
            // The list outlives the page.
            browser.navigate(&site.page("index.html"));
            browser.navigate(&site.page("make_a_guess.html"));
            shows(browser, "#tries li", &["7\nNo", "0\nNo", "7\nNo"]);
            shows(browser, "#summary", &["3 guesses so far. Not tried yet: 1, 2, 3, 4, 5, 6, 8, 9."]);
            shows(browser, "#last-game", &[]);

            let right = (0..10).map(|number| number.to_string()).find(|number| guess(number)).unwrap();
            let tries = texts(browser, "#tries li");
            assert_eq!(tries.last(), Some(&format!("{right}\nYes")));
            let count = tries.len();
            shows(browser, "#summary", &[&format!("Found with {count} guesses. The next guess begins a new game.")]);
            let other = if right == "3" { "4" } else { "3" };
            guess_wrong(other);
            shows(browser, "#tries li", &[&format!("{other}\nNo")]);
            shows(browser, "#last-game", &[&format!("Your last game took {count} guesses.")]);

            // None of them is right, because someone else plays too.
            for number in (0..10).map(|number| number.to_string()).filter(|number| number != other) {
                guess_wrong(&number);
            }
            let changed =
                "None of the ten was right: the number has changed meanwhile. The next guess begins a new game.";
            shows(browser, "#summary", &[changed]);
            assert_fits(browser, "make_a_guess.html with all numbers");
            guess_wrong("5");
            shows(browser, "#tries li", &["5\nNo"]);
        }
        browser.disable_scripts();
        browser.navigate(&site.page("make_a_guess.html"));
        assert_eq!(texts(browser, "#history"), [""; 0]);
    });
}

#[test]
fn the_game_opened_from_disk_asks_the_number_thinker() {
    in_browser("the_game_opened_from_disk_asks_the_number_thinker", |browser, _| {
        let mut thinker = Program::start(example("number_thinker").arg("0"), 1);
        let url = thinker.url().to_owned();
        // The page as it is, but for the port.
        let disk = tempfile::tempdir().unwrap();
        for name in ["make_a_guess.html", "page.js", "style.css", "favicon.svg"] {
            let text = fs::read_to_string(Path::new(WWW).join(name)).unwrap();
            fs::write(disk.path().join(name), text.replace("http://127.0.0.1:4041/", &url)).unwrap();
        }
        let guess = |number: &str| {
            browser.navigate(&format!("file://{}/make_a_guess.html", disk.path().display()));
            browser.find("#q").send_keys(number);
            browser.find("button").click();
            let answer = format!("{url}?q={number}");
            until("the answer", || (browser.execute("return location.href") == *answer).then_some(()));
            browser.execute("return document.body.textContent")
        };
        let mut line = thinker.preamble[0].clone();
        for has_scripts in [true, false] {
            if !has_scripts {
                browser.disable_scripts();
            }
            let number = line.strip_prefix("I'm thinking of a number. ").unwrap();
            assert_eq!(guess(if number == "0" { "1" } else { "0" }), "false\n", "scripts: {has_scripts}");
            assert_eq!(guess(number), "true\nI'm thinking of another number.\n", "scripts: {has_scripts}");
            line = thinker.line();
        }
    });
}

#[test]
fn the_game_opened_from_disk_names_the_port_of_the_number_thinker() {
    in_browser("the_game_opened_from_disk_names_the_port_of_the_number_thinker", |browser, site| {
        browser.navigate(&format!("file://{WWW}/make_a_guess.html"));
        assert_eq!(browser.find("form").property("action"), "http://127.0.0.1:4041/");
        assert!(browser.find("#disk").text().contains("127.0.0.1:4041"));
        // Where scripts are off the page can only say so, wherever it comes from.
        browser.disable_scripts();
        for page in [format!("file://{WWW}/make_a_guess.html"), site.page("make_a_guess.html")] {
            browser.navigate(&page);
            assert_eq!(browser.find("form").property("action"), "http://127.0.0.1:4041/");
            assert!(browser.find("noscript").text().contains("127.0.0.1:4041"), "{page}");
        }
    });
}

#[test]
fn notes_are_saved_and_fetched() {
    in_browser("notes_are_saved_and_fetched", |browser, site| {
        let fetch = |number: &str| {
            let field = browser.find("#number");
            field.clear();
            field.send_keys(number);
            browser.find("#fetch").click();
        };
        browser.navigate(&site.page("note_taker.html"));
        for (note, count) in [("<b>größer</b> & \"quoted\"", 1), ("the second", 2)] {
            browser.find("#note").send_keys(note);
            browser.find("#save").click();
            let expected = format!("You have {count} notes. The new one is number {}.", count - 1);
            assert_eq!(told(browser, &format!("{count} notes")), expected);
            assert_eq!(browser.find("#note").property("value"), "", "the field is ready for the next one");
        }
        fetch("0");
        assert_eq!(told(browser, "Note 0"), "Note 0: <b>größer</b> & \"quoted\"");
        fetch("1");
        assert_eq!(told(browser, "Note 1"), "Note 1: the second");
        fetch("2");
        assert_eq!(told(browser, "number 2"), "There is no note number 2.");
        assert_eq!(fs::read_to_string(site.data.path().join("notes.txt")).unwrap().lines().count(), 2);
    });
}

#[test]
fn notes_are_listed_newest_first() {
    in_browser("notes_are_listed_newest_first", |browser, site| {
        let file = site.data.path().join("notes.txt");
        let long = "a long note ".repeat(100);
        let special =
            ["<b>no</b> &amp; <img src=x onerror=document.title=1>", "שלום, עולם.", "👩‍👩‍👧 ok", "", long.trim_end()];
        let write = |count: usize| {
            let lines = (special.len()..count).map(|number| format!("note {number}"));
            let lines: Vec<_> = special.iter().map(|&line| line.to_owned()).chain(lines).take(count).collect();
            fs::write(&file, lines.join("\n") + "\n").unwrap();
        };
        let rows = |range: Range<usize>| -> Vec<String> {
            let text = |number| match number {
                3 => "An empty line".to_owned(),
                4 => format!("{}Show all of note 4", special[4]),
                number => special.get(number).map_or_else(|| format!("note {number}"), ToString::to_string),
            };
            range.rev().map(|number| format!("Note {number}{}", text(number))).collect()
        };
        let listed = |expected: Vec<String>| {
            // As a screen reader reads them, not as they are laid out.
            let script = "return [...document.querySelectorAll('#list > li')].map((row) => row.textContent)";
            until("the list of notes", || (browser.execute(script) == json!(expected)).then_some(()));
        };
        for (width, height) in [PHONE, DESKTOP] {
            write(23);
            browser.resize(width, height);
            browser.navigate(&site.page("note_taker.html"));
            listed(rows(13..23));
            shows(browser, "#shown", &["The newest 10 of 23 notes."]);
            for (first, text) in [(3, "The newest 20 of 23 notes."), (0, "23 notes, newest first.")] {
                tab_to(browser, "older");
                browser.press(key::ENTER);
                listed(rows(first..23));
                shows(browser, "#shown", &[text]);
                let focused = browser.execute("return document.activeElement.innerText.replace(/\\s+/g, ' ')");
                let next = if first == 3 { "Note 12 note 12" } else { "Note 2 👩‍👩‍👧 ok" };
                assert_eq!(focused, next, "the focus is where reading goes on");
            }
            assert_fits(browser, "note_taker.html with all notes");
            assert_eq!(texts(browser, "#older"), [""; 0]);
            assert_eq!(browser.execute("return document.title"), "Take notes · hearken", "HTML is text");
            let direction = "return getComputedStyle([...document.querySelectorAll('.note')].at(-2)).direction";
            assert_eq!(browser.execute(direction), "rtl");
            let height =
                || browser.execute("return document.querySelector('.note.long').offsetHeight").as_u64().unwrap();
            let folded = height();
            browser.find("#list button").send_keys(key::ENTER);
            assert!(height() > folded, "all of the long note");
            assert_eq!(browser.find("#list button").property("textContent"), "Show less of note 4");
            assert_eq!(browser.find("#list button").property("ariaExpanded"), "true");
            browser.find("#list button").send_keys(key::ENTER);
            assert_eq!(height(), folded);

            // Someone else adds notes before and after this browser does.
            let append = |line: &str| {
                let mut file = fs::File::options().append(true).open(&file).unwrap();
                file.write_all(line.as_bytes()).unwrap();
            };
            append("note 23\n");
            browser.find("#note").send_keys("note 24");
            browser.find("#save").click();
            told(browser, "The new one is number 24.");
            listed(rows(0..25));
            assert_eq!(browser.find("#shown").property("ariaLive"), "off", "the result has said it");
            append("note 25\n");
            browser.find("#refresh").click();
            listed(rows(0..26));
            browser.find("#refresh").click();
            shows(browser, "#shown", &["Nothing new. 26 notes, newest first."]);
            assert_eq!(browser.find("#shown").property("ariaLive"), "polite");
            // Many new ones begin the list anew, and so do fewer notes than before.
            for count in [60, 12] {
                write(count);
                browser.find("#refresh").click();
                listed(rows(count - 10..count));
            }
            // The notes become fewer between two pages.
            write(1);
            browser.find("#older").click();
            listed(rows(2..12).into_iter().chain(rows(0..1)).collect());
        }
    });
}

#[test]
fn the_notes_are_counted_with_few_requests() {
    in_browser("the_notes_are_counted_with_few_requests", |browser, site| {
        let file = site.data.path().join("notes.txt");
        let requests = || {
            let script =
                "return performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/notes')).length";
            browser.execute(script).as_u64().unwrap()
        };
        let table = [
            (0, "There are no notes yet.", 1),
            (1, "One note.", 3),
            (2, "2 notes, newest first.", 6),
            (10, "10 notes, newest first.", 18),
            (11, "The newest 10 of 11 notes.", 18),
            (10_000, "The newest 10 of 10000 notes.", 38),
        ];
        for (count, text, most) in table {
            fs::write(&file, "x\n".repeat(count)).unwrap();
            browser.navigate(&site.page("note_taker.html"));
            shows(browser, "#shown", &[text]);
            assert!(requests() <= most, "{} requests for {count} notes", requests());
        }
    });
}

#[test]
fn notes_of_the_example_are_listed_on_a_page_from_disk() {
    in_browser("notes_of_the_example_are_listed_on_a_page_from_disk", |browser, _| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("notes.txt"), "first\nsecond\n").unwrap();
        let server = Program::start(example("note_server").arg("0").current_dir(directory.path()), 1);
        let page = directory.path().join("note_taker.html");
        for name in ["note_taker.html", "page.js", "style.css", "favicon.svg"] {
            let text = fs::read_to_string(Path::new(WWW).join(name)).unwrap();
            fs::write(directory.path().join(name), text.replace("http://127.0.0.1:4042/", server.url())).unwrap();
        }
        browser.navigate(&format!("file://{}", page.display()));
        shows(browser, "#shown", &["2 notes, newest first."]);
        browser.find("#note").send_keys("third");
        browser.find("#save").click();
        assert_eq!(told(browser, "You have"), "You have 3 notes. The new one is number 2.");
        shows(browser, ".note", &["third", "second", "first"]);
        drop(server);
        browser.find("#refresh").click();
        until("the failure in words", || browser.find("#shown").text().contains("cannot be reached").then_some(()));
        shows(browser, ".note", &["third", "second", "first"]);
    });
}

#[test]
fn the_list_of_notes_does_not_ask_for_a_password_by_itself() {
    // A dialog would hold up the page.
    let in_browser_with_options = |name: &str, options: &[&str], check: &dyn Fn(&Browser, &Site)| {
        in_browser_with(name, &[options, &["--quiet"]].concat(), |browser, site| {
            fs::write(site.data.path().join("notes.txt"), "first\n").unwrap();
            check(browser, site);
        });
    };
    let name = "the_list_of_notes_does_not_ask_for_a_password_by_itself";
    in_browser_with_options(name, &["--write-auth", "wil:w"], &|browser, site| {
        browser.navigate(&site.page("note_taker.html"));
        shows(browser, "#shown", &["Notes need a password here."]);
    });
    // Where the page itself needs the password, it is known.
    in_browser_with_options(name, &["--auth", "wil:w"], &|browser, site| {
        browser.navigate(&format!("http://wil:w@{}/note_taker.html", site.server.address()));
        shows(browser, ".note", &["first"]);
    });
}

#[test]
fn notes_are_not_taken_for_files_where_there_is_no_note_service() {
    in_browser("notes_are_not_taken_for_files_where_there_is_no_note_service", |browser, _| {
        let data = tempfile::tempdir().unwrap();
        let server = Program::hearken(&["--write", data.path().to_str().unwrap(), WWW]);
        browser.navigate(&format!("{}note_taker.html", server.url()));
        let refusal = "Unsupported request: POST of text/plain";
        until("the list to say why it is empty", || browser.find("#shown").text().contains(refusal).then_some(()));
        for button in ["#fetch", "#save"] {
            browser.find("#note").send_keys("x");
            browser.find(button).click();
            let message = told(browser, refusal);
            assert!(message.ends_with("Notes need a server that was started with --demo."), "{message}");
        }
        assert!(fs::read_dir(data.path()).unwrap().next().is_none(), "nothing was written");
    });
}

#[test]
fn an_unreachable_server_is_explained_in_words() {
    in_browser("an_unreachable_server_is_explained_in_words", |browser, _| {
        let site = Site::start(&[]);
        let url = site.url.clone();
        browser.navigate(&site.page("note_taker.html"));
        drop(site);
        browser.find("#fetch").click();
        let expected = format!("The server at {} cannot be reached. Is it running?", url.trim_end_matches('/'));
        assert_eq!(told(browser, "reached"), expected);
    });
}

#[test]
fn the_five_fields_of_the_tutorial_are_written_to_the_letter() {
    in_browser("the_five_fields_of_the_tutorial_are_written_to_the_letter", |browser, site| {
        let written = || fs::read_to_string(site.data.path().join("file.txt")).unwrap();
        browser.navigate(&site.page("write.html"));
        browser.find("#write").click();
        assert_eq!(told(browser, "Wrote"), "Wrote data for Han Solo.");
        assert_eq!(written(), HAN_SOLO, "as basic_writer_client sends it");
        let labels = "return [...document.querySelectorAll('fieldset input')].map(e => e.labels[0].textContent)";
        assert_eq!(browser.execute(labels), json!(["name", "job", "BFF", "ship", "weakness"]));

        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("write.html"));
            assert_fits(browser, "write.html");
            // With the keyboard alone.
            tab_to(browser, "name");
            browser.press(key::END);
            browser.press(" & \"Zoë\"");
            tab_to(browser, "weakness");
            browser.press(key::END);
            browser.press("\\");
            browser.press(key::ENTER);
            assert_eq!(told(browser, "Zoë"), "Wrote data for Han Solo & \"Zoë\".");
            let expected = HAN_SOLO.replace("Solo", "Solo & \\\"Zoë\\\"").replace("debts", "debts\\\\");
            assert_eq!(written(), expected);
            fs::remove_file(site.data.path().join("file.txt")).unwrap();

            // Other JSON begins with that of the fields, and is written as long as it is shown.
            tab_to(browser, "other");
            browser.press(key::ENTER);
            tab_to(browser, "content");
            let text = browser.find("#content").property("value");
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap(),
                serde_json::from_str::<Value>(&expected).unwrap()
            );
            assert_eq!(browser.execute("return document.getElementById('name').matches(':disabled')"), true);
            assert_fits(browser, "write.html with other JSON");
            browser.find("#content").clear();
            browser.find("#content").send_keys("[ 1.0 ]");
            browser.find("#write").click();
            assert_eq!(told(browser, "file.txt"), "Wrote data for file.txt.");
            assert_eq!(written(), "[ 1.0 ]");
            browser.find("#other").click();
            browser.find("#write").click();
            told(browser, "Zoë");
            assert_eq!(written(), expected);
            browser.find("#other").click();
            assert_eq!(browser.find("#content").property("value"), "[ 1.0 ]", "what was typed stays");
        }
    });
}

#[test]
fn json_is_written_under_its_name() {
    in_browser("json_is_written_under_its_name", |browser, site| {
        let write = |name: &str, content: &str| {
            for (field, text) in [("#file", name), ("#content", content)] {
                let field = browser.find(field);
                field.clear();
                field.send_keys(text);
            }
            browser.find("#write").click();
        };
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&site.page("write.html"));

        browser.find("#other").click();
        browser.find("#write").click();
        assert_eq!(told(browser, "Wrote"), "Wrote data for Han Solo.", "the example is good as it is");

        let name = "people/50% größer & #1?.json";
        let content = "{ \"name\": \"Zoë\",\n  \"list\": [1.0, \"<i>\"] }\n";
        write(name, content);
        assert_eq!(told(browser, "Zoë"), "Wrote data for Zoë.");
        assert_eq!(fs::read_to_string(site.data.path().join(name)).unwrap(), content);
        let link = browser.find("#link").property("href");
        let served = site.get(&link);
        assert_eq!((served.status, served.text().as_str()), (200, content), "{link}");
        assert_fits(browser, "write.html with a long link");
        browser.find("#link").click();
        until("the link leads to the file", || (browser.execute("return location.href") == *link).then_some(()));

        browser.navigate(&site.page("write.html"));
        browser.find("#other").click();
        write(name, "{\n  \"name\": }");
        let message = told(browser, "Bad request");
        assert!(message.contains("not valid JSON") && message.contains("line 2 column "), "{message}");
        assert_eq!(fs::read_to_string(site.data.path().join(name)).unwrap(), content, "the old content stays");

        for (name, reason) in [("write.html", "Conflict"), ("../up.json", "can be . or .."), ("a//b", "empty segment")]
        {
            write(name, "{}");
            told(browser, reason);
        }
    });
}

#[test]
fn what_was_written_is_listed_as_long_as_it_is_there() {
    in_browser("what_was_written_is_listed_as_long_as_it_is_there", |browser, site| {
        let write = |name: &str| {
            let file = browser.find("#file");
            file.clear();
            file.send_keys(name);
            browser.find("#write").click();
            until(name, || texts(browser, "#list a").iter().any(|text| text == name).then_some(()));
        };
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            browser.navigate(&site.page("write.html"));
            browser.execute("sessionStorage.clear()");
            browser.navigate(&site.page("write.html"));
            shows(browser, "#none", &["Nothing yet. What you write will be listed here."]);
            write("a.json");
            write("people/50% größer & #1?.json");
            // Written again it is the newest.
            write("a.json");
            shows(browser, "#list a", &["a.json", "people/50% größer & #1?.json"]);
            assert!(texts(browser, "#list p")[0].starts_with("Wrote data for Han Solo."));
            assert_eq!(texts(browser, "#none"), [""; 0]);
            assert_fits(browser, "write.html with what was written");

            browser.navigate(&site.page("write.html"));
            shows(browser, "#list a", &["a.json", "people/50% größer & #1?.json"]);
            let links = browser.execute("return [...document.querySelectorAll('#list a')].map((link) => link.href)");
            for link in links.as_array().unwrap() {
                assert_eq!(site.get(link.as_str().unwrap()).text(), HAN_SOLO, "{link}");
            }
            fs::remove_file(site.data.path().join("a.json")).unwrap();
            browser.navigate(&site.page("write.html"));
            shows(browser, "#list a", &["people/50% größer & #1?.json"]);
            shows(browser, "#list li:first-child", &["a.json\nNo longer there."]);
            for number in 0..10 {
                write(&format!("{number}.json"));
            }
            let newest: Vec<_> = (0..10).rev().map(|number| format!("{number}.json")).collect();
            assert_eq!(texts(browser, "#list a"), newest, "not more than ten");
            assert_eq!(texts(browser, "#list li").len(), newest.len());
        }
    });
}

#[test]
fn files_are_uploaded_from_the_page() {
    in_browser("files_are_uploaded_from_the_page", |browser, site| {
        let chosen = tempfile::tempdir().unwrap();
        for (name, content) in [("größe & co.txt", "one"), ("b.bin", "two")] {
            fs::write(chosen.path().join(name), content).unwrap();
        }
        let path = |name: &str| chosen.path().join(name).to_str().unwrap().to_owned();
        for (round, (width, height)) in [PHONE, DESKTOP].into_iter().enumerate() {
            browser.resize(width, height);
            browser.navigate(&site.page("upload.html"));
            // The dialog that chooses files is the system's; all else is done with the keyboard.
            tab_to(browser, "files");
            browser.find("#files").send_keys(&format!("{}\n{}", path("größe & co.txt"), path("b.bin")));
            tab_to(browser, "directory");
            browser.press(key::END);
            browser.press("/50% größe");
            tab_to(browser, "upload");
            browser.press(key::ENTER);
            let number = if round == 0 { String::new() } else { format!(" ({round})") };
            let expected = format!("Stored größe & co{number}.txt.\nStored b{number}.bin.");
            assert_eq!(told(browser, "Stored"), expected);
            assert_eq!(browser.find("#files").property("value"), "", "ready for the next ones");
            assert_fits(browser, "upload.html with an answer");
            let directory = site.data.path().join("uploads/50% größe");
            assert_eq!(fs::read_to_string(directory.join(format!("größe & co{number}.txt"))).unwrap(), "one");
            assert_eq!(fs::read_to_string(directory.join(format!("b{number}.bin"))).unwrap(), "two");
            tab_to(browser, "link");
            browser.press(key::ENTER);
            let heading = || browser.execute("return document.querySelector('h1')?.textContent ?? ''");
            until("the listing", || (heading() == "50% größe").then_some(()));
        }
        // Where nothing is chosen the browser says so itself, and nothing is sent.
        browser.navigate(&site.page("upload.html"));
        browser.find("#upload").click();
        assert_eq!(browser.execute("return document.querySelector('form').matches(':invalid')"), true);
        assert_eq!(browser.find("#result").property("textContent"), "");

        browser.find("#files").send_keys(&path("b.bin"));
        for (name, reason) in [(".hidden", "dot"), ("../up", "can be . or ..")] {
            let directory = browser.find("#directory");
            directory.clear();
            directory.send_keys(name);
            browser.find("#upload").click();
            told(browser, reason);
        }
    });
}

#[test]
fn the_upload_page_leads_to_what_was_uploaded() {
    in_browser("the_upload_page_leads_to_what_was_uploaded", |browser, site| {
        let uploads = site.data.path().join("uploads");
        let chosen = tempfile::tempdir().unwrap();
        for name in ["größe #1 & co.txt", "<i>.bin"] {
            fs::write(chosen.path().join(name), name).unwrap();
        }
        let path = |name: &str| chosen.path().join(name).to_str().unwrap().to_owned();
        let folder = |name: &str| {
            let field = browser.find("#directory");
            field.clear();
            field.send_keys(&format!("{name}{}", key::TAB));
        };
        for (width, height) in [PHONE, DESKTOP] {
            drop(fs::remove_dir_all(&uploads));
            browser.resize(width, height);
            browser.navigate(&site.page("upload.html"));
            shows(browser, "#there-heading", &["In uploads"]);
            shows(browser, "#summary", &["There is no folder of this name yet. Uploading makes it."]);
            shows(browser, "#all", &[]);
            for stored in [["größe #1 & co.txt", "<i>.bin"], ["größe #1 & co (1).txt", "<i> (1).bin"]] {
                browser.find("#files").send_keys(&format!("{}\n{}", path("größe #1 & co.txt"), path("<i>.bin")));
                browser.find("#upload").click();
                shows(browser, "#result a", &stored);
                let links =
                    browser.execute("return [...document.querySelectorAll('#result a')].map((link) => link.href)");
                for (link, name) in links.as_array().unwrap().iter().zip(["größe #1 & co.txt", "<i>.bin"]) {
                    assert_eq!(site.get(link.as_str().unwrap()).text(), name, "{link}");
                }
            }
            shows(browser, "#summary", &["4 files, newest first."]);
            // The newest come first, and a link leads to each.
            for (number, time) in [(" (1)", 1), ("", 2)] {
                let file = fs::File::options().append(true).open(uploads.join(format!("<i>{number}.bin"))).unwrap();
                file.set_modified(SystemTime::now() + Duration::from_secs(60 * time)).unwrap();
            }
            fs::create_dir(uploads.join("below")).unwrap();
            browser.navigate(&site.page("upload.html"));
            shows(browser, "#list li:nth-child(-n+2) a", &["<i>.bin", "<i> (1).bin"]);
            assert!(texts(browser, "#list p")[0].starts_with("7 bytes, "));
            assert_fits(browser, "upload.html with files");
            tab_to(browser, "link");
            browser.press(key::ENTER);
            until("the listing", || {
                (browser.execute("return document.querySelector('h1')?.textContent ?? ''") == "uploads").then_some(())
            });

            browser.navigate(&site.page("upload.html"));
            folder("uploads/below");
            shows(browser, "#summary", &["No files yet."]);
            for number in 0..9 {
                fs::write(uploads.join(format!("below/{number}.txt")), "").unwrap();
            }
            folder("uploads/below/");
            shows(browser, "#summary", &["The newest 8 of 9 files."]);
            assert_eq!(texts(browser, "#list li").len(), 8);
            folder("../up");
            shows(browser, "#summary", &["No part of the name can be . or .."]);
            shows(browser, "#list li", &[]);
            browser.find("#directory").clear();
            browser.press(key::TAB);
            shows(browser, "#summary", &["The server does not list what is in it."]);
        }
    });
}

#[test]
fn an_upload_shows_its_progress_until_it_is_cancelled() {
    in_browser("an_upload_shows_its_progress_until_it_is_cancelled", |browser, site| {
        let chosen = tempfile::tempdir().unwrap();
        let file = chosen.path().join("large.bin");
        fs::write(&file, vec![0; 4 << 20]).unwrap();
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&site.page("upload.html"));
        let throttle = |bytes_per_second: i32| {
            let conditions = json!({
                "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second,
            });
            browser.devtools("Network.enable", &json!({}));
            browser.devtools("Network.emulateNetworkConditions", &conditions);
        };
        throttle(256 << 10);
        browser.find("#files").send_keys(file.to_str().unwrap());
        tab_to(browser, "upload");
        browser.press(key::ENTER);
        until("some of the file to be sent", || {
            let texts = texts(browser, "#sent");
            let [text] = &texts[..] else { return None };
            (text.ends_with(" of 4 MiB") && browser.execute("return progress.value") != 0).then_some(())
        });
        assert_fits(browser, "upload.html while it uploads");
        tab_to(browser, "cancel");
        browser.press(key::ENTER);
        assert_eq!(told(browser, "Cancelled"), "Cancelled. Files that had arrived in full may be stored.");
        assert_eq!(focus(browser), "upload", "the button to begin again");
        shows(browser, "#sending, #cancel", &[]);
        assert!(!site.data.path().join("uploads/large.bin").exists());

        throttle(-1);
        browser.find("#upload").click();
        assert_eq!(told(browser, "Stored"), "Stored large.bin.");
        shows(browser, "#sending, #cancel", &[]);
        assert_eq!(fs::metadata(site.data.path().join("uploads/large.bin")).unwrap().len(), 4 << 20);
    });
}

#[test]
fn linked_files_exist_and_the_pages_fit_phone_and_desktop() {
    in_browser("linked_files_exist_and_the_pages_fit_phone_and_desktop", |browser, site| {
        for (width, height) in [PHONE, DESKTOP] {
            browser.resize(width, height);
            for page in PAGES {
                browser.navigate(&site.page(page));
                assert_eq!(browser.execute("return innerWidth"), width, "the size that is meant");
                assert_fits(browser, page);
            }
        }
        let leads_to_uploads = || browser.execute("return document.getElementById('uploads').checkVisibility()");
        let heard = |url: &str| {
            let script = format!("return performance.getEntriesByName('{url}').some((entry) => entry.responseEnd > 0)");
            until("the answer for the uploads", || (browser.execute(&script) == true).then_some(()));
        };
        browser.navigate(&site.url);
        heard(&site.page("uploads/"));
        assert_eq!(leads_to_uploads(), false, "the first upload makes the folder");
        fs::create_dir(site.data.path().join("uploads")).unwrap();
        browser.navigate(&site.url);
        until("the link to the uploads", || (leads_to_uploads() == true).then_some(()));
        assert_fits(browser, "index.html with all its links");
        for page in PAGES {
            browser.navigate(&site.page(page));
            let named =
                browser.execute("return [...document.querySelectorAll('[href], [src]')].map(e => e.href || e.src)");
            let named: Vec<_> = named.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let ours = named.iter().filter(|url| url.starts_with(&site.url));
            for url in ours {
                assert_eq!(site.get(url).status, 200, "{url}, named by {page}");
            }
            for other in PAGES {
                assert!(named.contains(&site.page(other).as_str()), "{page} leads to {other}");
            }
        }
        browser.navigate(&site.url);
        assert_eq!(browser.find("main a[href='/hello']").text(), "Say hello");
    });
}

#[test]
fn the_front_page_says_what_a_server_of_files_alone_lacks() {
    in_browser("the_front_page_says_what_a_server_of_files_alone_lacks", |browser, site| {
        let shown = |css: &str| {
            let script = format!("return document.querySelector('{css}').checkVisibility()");
            browser.execute(&script) == true
        };
        let project = Path::new(WWW).parent().unwrap();
        let files = Program::start(example("static_file_server").arg("0").current_dir(project), 1);
        browser.navigate(files.url());
        until("the missing greeting to be noticed", || (!shown("#hello") && shown("#files-only")).then_some(()));
        let origin = || browser.find("dd .origin").property("textContent");
        assert_eq!(origin(), "http://127.0.0.1:4040", "the commands are for another server");
        let links = "return [...document.querySelectorAll('main a')].filter(e => e.checkVisibility()).map(e => e.href)";
        let links = browser.execute(links);
        let links: Vec<_> = links.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let ours: Vec<_> = links.iter().filter_map(|url| url.strip_prefix(files.url())).collect();
        assert_eq!(ours.len(), 4, "{links:?}");
        for path in ours {
            assert_eq!(get(files.address(), &format!("/{path}")).status, 200, "{path}");
        }

        browser.navigate(&format!("file://{WWW}/index.html"));
        assert!(!shown("#hello") && !shown("#files-only") && shown("#disk"));
        browser.navigate(&site.url);
        until("the server's own address in the commands", || (site.url == format!("{}/", origin())).then_some(()));
        assert!(shown("#hello") && !shown("#files-only") && !shown("#disk"));
    });
}

#[test]
fn the_page_that_is_served_for_every_path_is_whole_by_itself() {
    in_browser("the_page_that_is_served_for_every_path_is_whole_by_itself", |browser, _| {
        let project = Path::new(WWW).parent().unwrap();
        for name in ["mini_file_server", "basic_file_server"] {
            let server = Program::start(example(name).arg("0").current_dir(project), 1);
            for (width, height) in [PHONE, DESKTOP] {
                browser.resize(width, height);
                browser.navigate(&format!("{}any/path?x", server.url()));
                assert_eq!(browser.find("h1").text(), "This is index.html", "{name}");
                assert_fits(browser, name);
            }
            // Nothing that it names is elsewhere, and the browser has fetched nothing else.
            let named = "return [...document.querySelectorAll('[href], [src]')].filter(e => !e.href?.startsWith('data:')).length";
            assert_eq!(browser.execute(named), 0, "{name}");
            assert_eq!(browser.execute("return performance.getEntriesByType('resource').length"), 0, "{name}");
        }
    });
}

#[test]
fn the_pages_are_used_with_the_keyboard_alone() {
    in_browser("the_pages_are_used_with_the_keyboard_alone", |browser, site| {
        for (round, (width, height)) in [PHONE, DESKTOP].into_iter().enumerate() {
            browser.resize(width, height);

            browser.navigate(&site.page("make_a_guess.html"));
            tab_to(browser, "q");
            browser.press("7");
            browser.press(key::TAB);
            browser.press(" ");
            told(browser, "7");

            browser.navigate(&site.page("note_taker.html"));
            tab_to(browser, "note");
            browser.press(&format!("note of round {round}"));
            browser.press(key::ENTER);
            told(browser, &format!("You have {} notes.", round + 1));
            assert_eq!(focus(browser), "note", "ready for the next one");
            tab_to(browser, "number");
            browser.press(key::ENTER);
            assert_eq!(told(browser, "Note"), format!("Note {round}: note of round {round}"));
            assert_fits(browser, "note_taker.html with an answer");

            browser.navigate(&site.page("write.html"));
            tab_to(browser, "file");
            browser.press(key::HOME);
            browser.press(&format!("{round}/"));
            tab_to(browser, "name");
            tab_to(browser, "write");
            browser.press(key::ENTER);
            assert_eq!(told(browser, "Wrote"), "Wrote data for Han Solo.");
            assert!(site.data.path().join(format!("{round}/file.txt")).exists());
            tab_to(browser, "link");
            browser.press(key::ENTER);
            let there = format!("{}{round}/file.txt", site.url);
            until("the link leads to the file", || (browser.execute("return location.href") == *there).then_some(()));
        }
    });
}

#[test]
fn refusals_are_explained_in_words() {
    let options = ["--quiet", "--max-body", "1KiB", "--auth", "ada:a", "--write-auth", "wil:w"];
    in_browser_with("refusals_are_explained_in_words", &options, |browser, site| {
        // The password is in the address, as some people keep their bookmarks. Without it the browser itself asks.
        let page = |user: &str, name: &str| format!("http://{user}@{}/{name}", site.server.address());
        let write = |content: &str| {
            let content = serde_json::to_string(content).unwrap();
            browser.execute(&format!(
                "document.querySelector('details').open = true;
                 document.getElementById('content').value = {content}"
            ));
            browser.find("#write").click();
        };
        browser.resize(PHONE.0, PHONE.1);
        browser.navigate(&page("ada:a", "note_taker.html"));
        browser.find("#note").send_keys("not by her");
        browser.find("#save").click();
        assert_eq!(told(browser, "Forbidden"), "Forbidden: ada may read here and not write.");
        assert_eq!(browser.find("#note").property("value"), "not by her", "what was typed stays");
        assert!(browser.find("#result").property("className").contains("bad"));
        assert_fits(browser, "note_taker.html with a refusal");
        browser.navigate(&page("ada:a", "write.html"));
        write("{}");
        assert_eq!(told(browser, "Forbidden"), "Forbidden: ada may read here and not write.");
        assert!(site.is_empty(), "nothing was written");

        browser.navigate(&page("wil:w", "write.html"));
        write(&format!("\"{}\"", "a".repeat(2000)));
        assert_eq!(
            told(browser, "longer"),
            "The request body is longer than 1 KiB; the server's --max-body sets this limit."
        );
        write("{\"name\": \"Wil\"}");
        assert_eq!(told(browser, "Wrote"), "Wrote data for Wil.");
        browser.navigate(&page("wil:w", "note_taker.html"));
        browser.find("#note").send_keys("by him");
        browser.find("#save").click();
        assert_eq!(told(browser, "You have"), "You have 1 notes. The new one is number 0.");

        let box_path = site.data.path().join("box");
        fs::create_dir(&box_path).unwrap();
        browser.navigate(&page("ada:a", "box/"));
        browser.find("#upload input").send_keys(concat!(env!("CARGO_MANIFEST_DIR"), "/rustfmt.toml"));
        let note = browser.find(".uploads .state");
        until("the reason", || (note.text() == "Forbidden: ada may read here and not write.").then_some(()));
        assert_fits(browser, "the listing with a refusal");
        assert_eq!(fs::read_dir(&box_path).unwrap().count(), 0);

        browser.navigate(&page("wil:w", "note_taker.html"));
        let address = site.server.address();
        // Another client guesses his password all the while.
        let guess = || ask(address, "GET", "/", &[("Authorization", "Basic d2lsOnk=")], b"");
        let (end, ended) = mpsc::channel::<()>();
        let wait = thread::scope(|scope| {
            let _end = end;
            for _ in 0..10 {
                scope.spawn(|| (0..15).for_each(|_| drop(guess())));
            }
            scope.spawn(move || {
                while ended.try_recv() == Err(TryRecvError::Empty) {
                    guess();
                }
            });
            until("him to wait too", || {
                browser.find("#fetch").click();
                Some(browser.find("#result").text()).filter(|text| text.contains("Too many requests"))
            })
        });
        assert!(wait.starts_with("Too many requests: try again in "), "{wait}");
    });
}
