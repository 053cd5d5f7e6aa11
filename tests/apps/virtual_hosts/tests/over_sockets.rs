//! Each site by its name, over a socket.

use hearken::Request;
use hearken::testing::TestServer;

#[test]
fn each_host_has_its_own_site() {
    let server = TestServer::new(virtual_hosts::app().unwrap()).unwrap();
    let port = server.address().port();
    let table = [
        ("shop.example", "/", 200, "the shop"),
        ("shop.example", "/books/7", 200, "book 7"),
        ("blog.example", "/", 200, "the blog"),
        ("BLOG.example.", "/", 200, "the blog"),
        ("blog.example", "/books/7", 404, "Not found: GET, /books/7"),
        ("other.example", "/", 421, "Misdirected request: other.example is not a name of this server."),
        ("127.0.0.1", "/", 421, "Misdirected request: 127.0.0.1 is not a name of this server."),
    ];
    for (host, target, status, text) in table {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            let mut response = server.send(Request::get(target).with_header("Host", &host)).unwrap();
            let seen = (response.status().code(), response.read_text().unwrap());
            assert_eq!(seen, (status, text.to_owned()), "{host} {target}");
        }
    }
}

#[test]
fn a_url_as_target_names_its_host() {
    let server = TestServer::new(virtual_hosts::app().unwrap()).unwrap();
    let mut response = server.send(Request::get("http://blog.example/")).unwrap();
    assert_eq!(response.read_text().unwrap(), "the blog");
}

#[test]
fn layers_and_redirects_belong_to_their_host() {
    let server = TestServer::new(virtual_hosts::app().unwrap()).unwrap();
    let get = |host: &str| server.send(Request::get("/books/7?page=2").with_header("Host", host)).unwrap();
    assert_eq!(get("blog.example").header("Cache-Control"), Some("max-age=60"));
    assert_eq!(get("shop.example").header("Cache-Control"), None);
    let moved = get("www.shop.example");
    let expected = (308, Some("http://shop.example/books/7?page=2"));
    assert_eq!((moved.status().code(), moved.header("Location")), expected);
}
