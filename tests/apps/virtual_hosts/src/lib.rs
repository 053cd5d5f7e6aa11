//! Two sites on one server, told apart by the host of the request.

use hearken::{Request, Response, ResponseHeaders, Router, Status};

fn shop() -> Router {
    Router::new().get("/", |_| "the shop").get("/books/{number}", |request| {
        let number = request.param::<u32>("number")?;
        Ok::<_, hearken::HttpError>(format!("book {number}"))
    })
}

fn blog() -> Result<Router, hearken::Error> {
    let headers = ResponseHeaders::new().add("Cache-Control", "max-age=60")?;
    Ok(Router::new().layer(headers).get("/", |_| "the blog"))
}

/// Serves the shop at `shop.example`, the blog at `blog.example`, and sends `www.shop.example` to the shop. Other hosts get 421.
pub fn app() -> Result<Router, hearken::Error> {
    let to_shop = |request: &mut Request| {
        Response::redirect(Status::PERMANENT_REDIRECT, format!("http://shop.example{}", request.target()))
    };
    Ok(Router::new().host("shop.example", shop()).host("www.shop.example", to_shop).host("blog.example", blog()?))
}
