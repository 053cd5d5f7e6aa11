//! Runs the program.

use std::process::Command;

#[test]
fn it_runs_ten_servers_and_leaves_nothing_behind() {
    let output = Command::new(env!("CARGO_BIN_EXE_main_loop")).output().unwrap();
    let (printed, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{printed}{errors}");
    let rounds: Vec<&str> = printed.lines().filter_map(|line| line.split(" on http://127.0.0.1:").next()).collect();
    let expected: Vec<String> = (1..=10).map(|round| format!("job {round}")).collect();
    assert_eq!(rounds, expected, "{printed}");
}
