//! Changes that Cloudflare might make: what refresh-spec says of them, and what is generated. The tables are in
//! `changes.md`.

mod support;

use serde_json::{Value, json};
use support::{Case, build};

struct Row<'a> {
    what: &'a str,
    before: Value,
    change: Value,
    verdict: &'a str,
    shows: &'a str,
}

/// Returns the rows of the table with this heading.
fn table(heading: &str) -> Vec<Row<'static>> {
    let sections = include_str!("changes.md").split("\n## ");
    let table = sections.into_iter().find_map(|section| section.strip_prefix(heading)).unwrap();
    let code = |cell: &'static str| cell.trim().trim_start_matches("``").trim_end_matches("``").trim();
    let json = |cell| serde_json::from_str(code(cell)).unwrap_or_else(|e| panic!("{cell}: {e}"));
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(2).map(|line| {
        let [_, what, change, verdict, shows, _] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (before, change) = match change.split_once(" then ") {
            Some((before, change)) => (json(before), json(change)),
            None => (json!({}), json(change)),
        };
        Row { what: what.trim(), before, change, verdict: verdict.trim(), shows: code(shows) }
    });
    rows.collect()
}

#[test]
fn secrets_stay_secrets_or_are_refused() {
    check("Secrets");
}

#[test]
fn no_failure_becomes_a_success() {
    check("Failures and successes");
}

#[test]
fn requests_are_what_the_spec_says_or_refused() {
    check("Requests");
}

#[test]
fn responses_are_lenient() {
    check("Responses");
}

#[test]
fn documents_are_taken_over() {
    check("Documents");
}

/// Checks every row, and reports all that are wrong.
fn check(heading: &str) {
    let rows = table(heading);
    assert!(!rows.is_empty());
    let wrong: Vec<String> = rows.iter().filter_map(|row| check_row(row).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_row(row: &Row) -> Result<(), String> {
    let case = Case::changed(&row.before, &row.change);
    let client = |text: &str| build::client(text).unwrap_or_else(|problems| panic!("{}: {problems:?}", row.what));
    let before = client(&case.spec);
    let outcome = case.run(&["--check"]);
    let (verdict, shown) = match outcome.code {
        2 => ("refused", case.error()),
        code => {
            case.refreshed();
            let after = client(&case.text());
            let is_same = without_docs(&before) == without_docs(&after);
            let verdict = match (code, is_same, outcome.stdout.contains("[can break callers]")) {
                (0, true, false) => "same",
                (1, true, false) => "unseen",
                (1, false, false) => "new",
                (1, false, true) => "breaks",
                _ => "contradictory",
            };
            (verdict, format!("{}{after}", outcome.stdout))
        }
    };
    let words = |text: &str| text.split_whitespace().collect::<String>();
    match verdict == row.verdict && words(&shown).contains(&words(row.shows)) {
        true => Ok(()),
        false => Err(format!("{}: {verdict}\n{}{}", row.what, outcome.stdout, outcome.stderr)),
    }
}

/// Returns code without its documentation, and without the document's version.
fn without_docs(code: &str) -> String {
    let is_kept =
        |line: &&str| !["///", "\"4.", "Version: 4."].iter().any(|start| line.trim_start().starts_with(start));
    code.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
}
