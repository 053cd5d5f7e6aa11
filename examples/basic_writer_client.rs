//! Posts JSON about Han Solo to basic_writer_server, which writes it into data/file.txt, and prints the answer.
//!
//! `cargo run --example basic_writer_client [URL]` beside basic_writer_server

use std::process::ExitCode;

use hearken::client::{Client, ClientError};

/// The members are sent in this order.
#[derive(serde::Serialize)]
struct JsonData {
    name: &'static str,
    job: &'static str,
    #[serde(rename = "BFF")]
    bff: &'static str,
    ship: &'static str,
    weakness: &'static str,
}

fn main() -> Result<ExitCode, ClientError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4049/file.txt".into());
    let data = JsonData {
        name: "Han Solo",
        job: "reluctant hero",
        bff: "Chewbacca",
        ship: "Millennium Falcon",
        weakness: "smuggling debts",
    };
    let json = serde_json::to_string(&data).expect("a struct of strings is JSON");
    let answer = Client::new().post_json(&url, json)?;
    let (status, succeeded) = (answer.status_line(), answer.is_success());
    let text = answer.text()?;
    if !succeeded {
        eprintln!("Error: {url}: {status}: {text}");
        return Ok(ExitCode::FAILURE);
    }
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}
