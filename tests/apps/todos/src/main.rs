fn main() -> Result<(), hearken::Error> {
    hearken::Server::bind("127.0.0.1:4060")?.serve(todos::app())?.join();
    Ok(())
}
