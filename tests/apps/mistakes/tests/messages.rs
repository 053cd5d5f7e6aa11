//! The messages of the compiler that name the mistake and the cure.

use std::process::Command;

#[test]
fn the_compiler_says_what_to_write() {
    let table = [
        ("no_handler", ["`Page` is not a handler", "a handler is a function that takes `&mut Request`"]),
        ("no_response", ["a handler cannot return `Page`", "a handler returns a string, bytes, a `Status`"]),
        ("no_error", ["a handler cannot return `ParseIntError`", "any type that implements `IntoResponse`"]),
        ("no_layer", ["`Page` is not a layer", "a layer is a function that takes `&mut Request` and `Next<'_>`"]),
        ("no_address", ["`Page` is not an address to bind", "an address is a string with a port"]),
    ];
    for (mistake, expected) in table {
        let mut check = Command::new(env!("CARGO"));
        check.args(["check", "--package", "mistakes", "--locked", "--color", "never", "--features", mistake]);
        let output = check.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{mistake} compiles");
        // A note that is longer than a line is wrapped.
        let text = messages.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in expected {
            assert!(text.contains(part), "{mistake}: {part:?} is missing:\n{messages}");
        }
    }
}
