//! Posts JSON about Han Solo to basic_writer_server and prints the response.
//!
//! `cargo run --example basic_writer_client [URL]`

use hearken::client::{Client, ClientError};
use serde_json::json;

fn main() -> Result<(), ClientError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4049/file.txt".into());
    let han = json!({
        "name": "Han Solo",
        "job": "Smuggler",
        "BFF": "Chewbacca",
        "ship": "Millennium Falcon",
        "weakness": "Debts",
    });
    let answer = Client::new().post_json(&url, han.to_string())?;
    println!("{}", answer.text()?);
    Ok(())
}
