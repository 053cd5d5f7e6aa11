//! The measure for `/hello`: axum on tokio's threads. `hello-axum PORT` listens on loopback until it is killed.

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("the argument is a port")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app = Router::new().route("/hello", get(async || "Hello, world!"));
    Ok(axum::serve(listener, app).await?)
}
