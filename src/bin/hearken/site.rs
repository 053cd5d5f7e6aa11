//! The application: the demonstration services, files and writing, behind the checks of origin, password and host name.

use std::path::Path;
use std::sync::{Arc, Weak};

use hearken::demo::{Guess, Notes, hello};
use hearken::{ErrorPages, Method, RelativePath, Router};

use crate::configuration::{Access, Content, Site, Write};
use crate::directory::{Directory, Protects, Writing};
use crate::limits;
use crate::users::Passwords;
use crate::warnings;

/// The application for a server that only this machine reaches, or others too.
pub(crate) fn application(site: Site, is_loopback: bool) -> Router {
    let Site { root, content, write, demo, min_free, access, response_headers } = site;
    let demo = demo.then_some(Demo { min_free });
    let methods = methods(write.as_ref(), demo.is_some());
    // The tutorial's notes are open to every page. If there are passwords, they are not: a browser adds the password it knows.
    let open_notes = demo.is_some() && !access.passwords.are_asked();
    let access = Access {
        cors: access.cors.methods(methods).except(move |request| open_notes && request.path() == NOTES_PATH),
        hosts: access.hosts.on_network(!is_loopback),
        ..access
    };
    let app = match response_headers {
        None => Router::new(),
        Some(fields) => Router::new().layer(fields),
    };
    // Around the checks, whose refusals people see too.
    let app = app.errors(limits::with_option).layer(ErrorPages::new());
    with_routes(with_checks(access, app), &root, content, write, demo)
}

/// The methods that the application accepts.
fn methods(write: Option<&Write>, demo: bool) -> Vec<Method> {
    let mut methods = vec![Method::Get, Method::Head];
    match write {
        Some(write) => methods.extend_from_slice(write.service.methods()),
        None if demo => methods.push(Method::Post),
        None => {}
    }
    methods
}

/// Puts the checks of host name, origin and password around the router.
fn with_checks(access: Access, router: Router) -> Router {
    let Access { cors, passwords, hosts } = access;
    match passwords {
        Passwords::NotAsked => router.layer(hosts).layer(cors),
        Passwords::ForWriting(auth) => router.layer(hosts).layer(cors).layer(auth),
        // A browser sends a password only to the name that it was entered for, so names need no check.
        Passwords::ForEverything(auth) => router.layer(cors).layer(auth),
    }
}

fn with_routes(router: Router, root: &Path, content: Content, write: Option<Write>, demo: Option<Demo>) -> Router {
    let (files, Write { directory, service, max_body }) = match (content, write) {
        (Content::Directory(files), Some(write)) => (files, write),
        (content, _) => {
            let router = match content {
                Content::File(file) => router.fallback(file),
                Content::Directory(files) => router.fallback(Directory { files: files.into(), write: None }),
            };
            return with_demo(router, demo, Path::new(""));
        }
    };
    if let Some(warning) = warnings::nesting(root, &directory) {
        log::warn!("{warning}");
    }
    // Unfinished files that an earlier server may have left.
    if let Err(error) = service.sweep() {
        log::warn!("cannot look for unfinished files in {}: {}", directory.display(), hearken::reason(&error));
    }
    let has_notes = demo.is_some();
    // The notes are in the same directory, and only their own service changes them.
    let is_notes = move |path: &RelativePath| has_notes && path.segments() == [NOTES_FILE.as_bytes()];
    let methods = service.methods();
    let has = |method| methods.contains(&method);
    let content = Arc::new_cyclic(|content: &Weak<Directory>| {
        let content = content.clone();
        let limit = move || limits::of_upload(&content.upgrade()?.write.as_ref()?.service, max_body);
        let files = files.with_uploads(&directory).upload_form(true).upload_limit(limit).except_from_forms(is_notes);
        let files = Arc::new(files.edit_form(has(Method::Put)).delete_form(has(Method::Delete)));
        let served = Arc::clone(&files);
        let is_protected: Protects = Arc::new(move |path| served.owns(path) || is_notes(path));
        let protects = Arc::clone(&is_protected);
        Directory { files, write: Some(Writing { service: service.except(move |path| protects(path)), is_protected }) }
    });
    with_demo(router.fallback(content), demo, &directory)
}

const NOTES_PATH: &str = "/notes";

/// The file that the notes are kept in.
const NOTES_FILE: &str = "notes.txt";

/// The demonstration services.
struct Demo {
    /// How much stays free where the notes are kept; `None` for the default.
    min_free: Option<u64>,
}

/// Adds the demonstration services, if they are wanted. Their notes are kept in this directory.
fn with_demo(router: Router, demo: Option<Demo>, directory: &Path) -> Router {
    let Some(Demo { min_free }) = demo else { return router };
    let guess = Guess::new().on_pick(|number| log::debug!("thinking of the number {number}"));
    let notes = Notes::new(directory.join(NOTES_FILE));
    let notes = Arc::new(match min_free {
        None => notes,
        Some(bytes) => notes.min_free(bytes),
    });
    router
        .get("/hello", hello)
        .route(Method::Get, "/guess", guess)
        .route(Method::Post, NOTES_PATH, Arc::clone(&notes))
        .route(Method::Options, NOTES_PATH, notes)
}
