//! Posts JSON about Han Solo to basic_writer_server, which writes it into data/file.txt, and prints the answer.
//!
//! `cargo run --example basic_writer_client [URL]` beside basic_writer_server

use hearken::Method;
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

fn main() -> Result<(), ClientError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4049/file.txt".into());
    let data = JsonData {
        name: "Han Solo",
        job: "reluctant hero",
        bff: "Chewbacca",
        ship: "Millennium Falcon",
        weakness: "smuggling debts",
    };
    // The media type is application/json. An answer that is not in the 200s is an error too.
    let answer = Client::new().request(Method::Post, &url).with_json(&data).send()?.error_for_status()?;
    println!("{}", answer.text()?);
    Ok(())
}
