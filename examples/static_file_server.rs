//! Serves the files of www/ and of the directories in it. Where www/ has none, those of data/, which basic_writer_server writes:
//! such files are sent as uploads, so that a page among them cannot act as one of the site's own.
//!
//! `cargo run --example static_file_server [PORT]`, then open http://127.0.0.1:4048/, or http://127.0.0.1:4048/file.txt after
//! running basic_writer_server and basic_writer_client

use hearken::{Error, Files, Server};

fn main() -> Result<(), Error> {
    hearken::log_to_stderr()?; // shows the reason of a 500
    let port = std::env::args().nth(1).unwrap_or_else(|| "4048".into());
    let files = Files::new("www").with_uploads("data");
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(files)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
