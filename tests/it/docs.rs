//! Whether the pages say what the programs and the crate say of themselves, and whether their links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Run as _, client, hearken};

/// An option or an argument: how it is spelled, its environment variable and its default, empty where there is none.
type Entry = (String, String, String);

#[test]
fn the_page_of_options_has_the_servers_and_no_others() {
    let printed = entries(&help(&mut hearken(), &[]));
    assert!(printed.len() > 30, "{printed:?}");
    // The help leaves out the environment variables, which the page has: each is made of the option's name.
    let with_environment = |(spelled, _, default): Entry| (spelled.clone(), environment_variable(&spelled), default);
    assert_eq!(rows(&section("hearken")), printed.into_iter().map(with_environment).collect());
}

#[test]
fn the_page_of_options_has_the_clients_and_no_others() {
    let mut commands = vec![vec![]];
    let (mut printed, mut usages) = (BTreeSet::new(), BTreeSet::new());
    while let Some(command) = commands.pop() {
        let help = help(&mut client(), &command);
        // What stands for itself in the usage has no row.
        printed.extend(entries(&help).into_iter().filter(|(spelled, ..)| spelled.starts_with('-')));
        let names = subcommands(&help);
        if names.is_empty() {
            usages.insert(usage(&help));
        }
        commands.extend(names.into_iter().map(|name| [command.clone(), vec![name]].concat()));
    }
    assert!(printed.len() > 5 && usages.len() > 5, "{printed:?} {usages:?}");
    let page = section("hearken-client");
    assert_eq!(rows(&page), printed);
    assert_eq!(page.lines().filter_map(documented_usage).collect::<BTreeSet<_>>(), usages);
}

#[test]
fn every_feature_is_in_the_crate_documentation_and_on_the_page_of_embedding() {
    let manifest = read("Cargo.toml");
    let (_, features) = manifest.split_once("\n[features]\n").unwrap();
    let (features, _) = features.split_once("\n[").unwrap();
    // A long list stands on several lines.
    let features = features.replace("[\n", "[").replace(",\n", ",");
    let features: Vec<_> = features.lines().filter_map(|line| line.split_once(" = ")).collect();
    let defaults = features.iter().find(|(name, _)| *name == "default").unwrap().1;
    let turned_on = |name: &str| {
        let quoted = format!("{name:?}");
        let by = features.iter().find(|(by, others)| defaults.contains(&format!("{by:?}")) && others.contains(&quoted));
        match by {
            _ if defaults.contains(&quoted) => "yes".to_owned(),
            Some((by, _)) => format!("by `{by}`"),
            None => "no".to_owned(),
        }
    };
    let names = features.iter().map(|(name, _)| *name).filter(|name| *name != "default");
    let expected: BTreeSet<_> = names.map(|name| (format!("`{name}`"), turned_on(name))).collect();
    assert!(expected.len() > 5, "{expected:?}");
    for page in ["src/lib.rs", "docs/embedding.md"] {
        let text = read(page).replace("//! ", "");
        let (_, table) = text.split_once("# Features\n").unwrap();
        let (table, _) = table.split_once("\n#").or(table.split_once("\nmod ")).unwrap();
        let rows = table.lines().filter_map(cells).map(|cells| (cells[0].clone(), cells[1].clone()));
        assert_eq!(rows.collect::<BTreeSet<_>>(), expected, "{page}");
    }
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let pages = pages.map(|name| format!("docs/{}", name.to_str().unwrap())).filter(|page| page.ends_with(".md"));
    for page in pages.chain(["README.md".into(), "CONTRIBUTING.md".into()]) {
        assert_eq!(broken_links(&page, &read(&page)), Vec::<String>::new(), "in {page}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# One\n[up](../README.md) [here](#two-of-them) [`code`](../src/lib.rs) [wrapped\nlink](limits.md#memory)\n\
                [web](https://hearken.example/#x) `[not](a-link)`\n```\n[nor](this)\n```\n## `Two` of them!\n\
                [gone](gone.md) [lost](limits.md#lost) [far](#far) [deep](../docs/options.md#-)\n";
    assert_eq!(broken_links("docs/page.md", text), ["gone.md", "limits.md#lost", "#far", "../docs/options.md#-"]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a program prints about a command.
fn help(program: &mut Command, command: &[String]) -> String {
    let output = program.args(command).arg("--help").run();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The options and arguments in a help text. Each begins a line that is indented less than what is said of it.
fn entries(help: &str) -> BTreeSet<Entry> {
    let mut entries: Vec<String> = Vec::new();
    for line in help.lines() {
        let indent = line.len() - line.trim_start().len();
        match entries.last_mut() {
            _ if (2..=6).contains(&indent) && line.trim_start().starts_with(['-', '[', '<']) => {
                entries.push(line.trim().to_owned());
            }
            Some(entry) if indent >= 10 => *entry = format!("{entry}  {}", line.trim()),
            _ => {}
        }
    }
    let entry = |text: String| {
        // Two spaces at least stand between an option and what is said of it.
        let spelled = text.split_once("  ").map_or(&*text, |(spelled, _)| spelled).replace(['<', '>', '[', ']'], "");
        let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (spelled, bracketed(&said, "env").replace('=', ""), bracketed(&said, "default"))
    };
    entries.into_iter().map(entry).collect()
}

/// The environment variable of an option of the server that is spelled like this; empty for those that have none.
fn environment_variable(spelled: &str) -> String {
    let long = spelled.split(' ').find_map(|word| word.strip_prefix("--")).unwrap_or(spelled);
    match long {
        "generate" | "help" | "version" => String::new(),
        _ => format!("HEARKEN_{}", long.replace('-', "_").to_uppercase()),
    }
}

/// The value in `[name: value]`.
fn bracketed(text: &str, name: &str) -> String {
    let value = text.split_once(&format!("[{name}: ")).and_then(|(_, rest)| rest.split_once(']'));
    value.map_or_else(String::new, |(value, _)| value.to_owned())
}

/// The names of the commands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.split_once("\nCommands:\n").map_or("", |(_, list)| list);
    let lines = list.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The usage in a help text, without options.
fn usage(help: &str) -> String {
    let usage = help.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap();
    usage.replace("[OPTIONS] ", "").replace(['<', '>'], "")
}

/// The usage in a line of a page, without options.
fn documented_usage(line: &str) -> Option<String> {
    let usage = line.strip_prefix("    ").filter(|usage| usage.starts_with("hearken-client "))?;
    let (before, rest) = usage.split_once("[-").unwrap_or((usage, "] "));
    Some(format!("{before}{}", rest.split_once("] ")?.1))
}

/// The part of the page of options under this heading.
fn section(heading: &str) -> String {
    let page = read("docs/options.md");
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    section.split_once("\n## ").map_or(section, |(section, _)| section).to_owned()
}

/// The options in the tables of a page. A star says that one can be given more than once.
fn rows(page: &str) -> BTreeSet<Entry> {
    let row = |line: &str| {
        let [spelled, environment, default, text] = <[String; 4]>::try_from(cells(line)?).ok()?;
        assert!(!text.is_empty(), "nothing is said of {spelled}");
        let bare = |cell: String| cell.replace(['`', '\''], "");
        Some((bare(spelled).trim_end_matches(" *").to_owned(), bare(environment), bare(default)))
    };
    page.lines().filter_map(row).collect()
}

/// The cells of a row of a table that begins with code.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix("| ")?.strip_suffix('|')?;
    row.starts_with('`').then(|| row.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// The links of a page, other than to other sites, that lead to no file or to no heading of it.
fn broken_links(page: &str, text: &str) -> Vec<String> {
    let prose = without_code(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let leads = |target: &&str| {
        let (path, anchor) = target.split_once('#').map_or((*target, None), |(path, anchor)| (path, Some(anchor)));
        let path = if path.is_empty() { root().join(page) } else { root().join(page).with_file_name(path) };
        match anchor {
            None => path.exists(),
            Some(anchor) if target.starts_with('#') => anchors(text).contains(anchor),
            Some(anchor) => fs::read_to_string(path).is_ok_and(|text| anchors(&text).contains(anchor)),
        }
    };
    targets.filter(|target| !target.contains("://") && !leads(target)).map(str::to_owned).collect()
}

/// A page without its blocks of code, and without the code in its lines.
fn without_code(text: &str) -> String {
    let mut in_block = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        in_block ^= is_fence;
        !is_fence && !in_block && !line.starts_with("    ")
    });
    let lines: String = lines.flat_map(|line| [line, "\n"]).collect();
    lines.split('`').step_by(2).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines() {
        in_block ^= line.starts_with("```");
        let Some((_, heading)) = line.split_once("# ").filter(|(marks, _)| marks.chars().all(|mark| mark == '#'))
        else {
            continue;
        };
        if in_block {
            continue;
        }
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(numbered).find(|anchor| !anchors.contains(anchor));
        anchors.extend(free);
    }
    anchors
}
