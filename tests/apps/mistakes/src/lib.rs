//! Mistakes that programs make with the library. With one of the features this does not compile, and the compiler says what to write.

/// What takes the place of a handler, a response, a layer or an address, and is none.
pub struct Page;

#[cfg(feature = "no_handler")]
pub fn no_handler() -> hearken::Router {
    hearken::Router::new().fallback(Page)
}

#[cfg(feature = "no_response")]
pub fn no_response() -> hearken::Router {
    hearken::Router::new().get("/", |_| Page)
}

#[cfg(feature = "no_error")]
pub fn no_error() -> hearken::Router {
    fn number(_: &mut hearken::Request) -> Result<String, std::num::ParseIntError> {
        "7".parse::<u8>().map(|number| number.to_string())
    }
    hearken::Router::new().get("/", number)
}

#[cfg(feature = "no_layer")]
pub fn no_layer() -> hearken::Router {
    hearken::Router::new().layer(Page)
}

#[cfg(feature = "no_address")]
pub fn no_address() {
    drop(hearken::Server::bind(Page));
}
