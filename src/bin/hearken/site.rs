//! What the server answers: the demonstration services, the files, and the writing of files.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use hearken::{
    Cors, Durability, Files, Guess, Handler, HeaderFields, HttpError, Method, Notes, RelativePath, Request, Response,
    Router, WriteFile, hello,
};

use crate::access;
use crate::args::{Args, DurabilityChoice};

/// The application that these arguments ask for, for a server that only this machine reaches or others too.
pub(crate) fn application(args: &Args, is_loopback: bool) -> Result<Box<dyn Handler>, Box<dyn Error>> {
    // The notes of the tutorial are for every page. Where there are passwords, the page of another site must not use one.
    let open_notes = args.demo && !access::asks_for_passwords(args);
    let cors = Cors::new().methods(methods(args)).except(move |request| open_notes && request.path() == NOTES_PATH);
    let app = access::guard(args, is_loopback, cors, router(args)?)?;
    if args.header.is_empty() {
        return Ok(app);
    }
    let fields = args.header.iter().try_fold(HeaderFields::new(), |fields, (name, value)| fields.add(name, value))?;
    Ok(Box::new(fields.around(app)))
}

/// The methods that something here takes.
fn methods(args: &Args) -> Vec<Method> {
    let mut methods = vec![Method::Get, Method::Head];
    if args.write.is_some() {
        methods.extend([Method::Post, Method::Put]);
        methods.extend(args.allow_delete.then_some(Method::Delete));
    } else if args.demo {
        methods.push(Method::Post);
    }
    methods
}

fn files(args: &Args) -> Result<Files, hearken::Error> {
    let mut files = Files::new(&args.root)
        .index(&args.index)?
        .single_page(args.spa)
        .listing(!args.no_listing)
        .archive(args.archive)
        .include_hidden(args.include_hidden)
        .follow_links(args.follow_links)
        .cache_control(&args.cache_control)?
        .immutable(args.immutable)
        .compress(args.compress);
    for (extension, media_type) in &args.mime {
        files = files.media_type(extension, media_type)?;
    }
    Ok(files)
}

fn router(args: &Args) -> Result<Router, hearken::Error> {
    let mut files = files(args)?;
    if let Some(directory) = &args.write {
        warn_of_nesting(&args.root, directory);
        files = files.with_uploads(directory).upload_form(true);
    }
    let files = Arc::new(files);
    let write = args.write.as_ref().map(|directory| {
        let (files, demo) = (Arc::clone(&files), args.demo);
        // The notes are kept in the same directory, and changed by nobody but their own service.
        let is_notes = move |path: &RelativePath| demo && path.segments() == [NOTES.as_bytes()];
        writer(args, directory).except(move |path| files.owns(path) || is_notes(path))
    });
    let router = Router::new().fallback(Site { files, write });
    Ok(if args.demo { with_demo(router, args.write.as_deref()) } else { router })
}

/// Says so where ROOT and the directory that is written to lie in each other.
fn warn_of_nesting(root: &Path, directory: &Path) {
    let (Ok(root), Ok(directory)) = (root.canonicalize(), directory.canonicalize()) else { return };
    if root == directory {
        return;
    }
    let (shown_root, shown_directory) = (root.display(), directory.display());
    if directory.starts_with(&root) {
        log::warn!(
            "{shown_directory} lies in {shown_root}, so that what is uploaded is also served as a part of the site, where an \
             uploaded page can do all that the site's own pages can; write to a directory beside it instead"
        );
    } else if root.starts_with(&directory) {
        log::warn!(
            "{shown_root} lies in {shown_directory}, so that whoever may write can change what is served from it; write to a \
             directory beside it instead"
        );
    }
}

/// The writing service in this directory, cleared of what an earlier server may have left unfinished.
fn writer(args: &Args, directory: &Path) -> WriteFile {
    let durability = match args.durability {
        DurabilityChoice::Full => Durability::Full,
        DurabilityChoice::Rename => Durability::Rename,
    };
    let mut writer = WriteFile::new(directory).with_put().with_forms().overwrite(args.overwrite).durability(durability);
    if args.allow_delete {
        writer = writer.with_delete().delete_hidden(args.include_hidden);
    }
    if let Some(bytes) = args.max_total {
        writer = writer.max_total(bytes);
    }
    if let Err(error) = writer.sweep() {
        log::warn!("cannot look for unfinished files in {}: {}", directory.display(), hearken::reason(&error));
    }
    writer
}

const NOTES_PATH: &str = "/notes";

/// The file that the notes are kept in.
const NOTES: &str = "notes.txt";

fn with_demo(router: Router, directory: Option<&Path>) -> Router {
    let guess = Guess::telling(|number| log::debug!("thinking of the number {number}"));
    let notes = Arc::new(Notes::new(directory.unwrap_or(Path::new("")).join(NOTES)));
    let preflight = Arc::clone(&notes);
    router
        .get("/hello", hello)
        .get("/guess", guess)
        .post(NOTES_PATH, move |request: &mut Request| notes.handle(request))
        .route(Method::Options, NOTES_PATH, move |request: &mut Request| preflight.handle(request))
}

/// The files, and the writing of files where it is allowed.
struct Site {
    files: Arc<Files>,
    write: Option<WriteFile>,
}

impl Handler for Site {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        match (request.method(), &self.write) {
            (Method::Get | Method::Head, _) => self.files.handle(request),
            (method, Some(write)) if write.methods().contains(method) => write.handle(request),
            (_, write) => {
                let mut allowed = vec![Method::Get, Method::Head];
                allowed.extend_from_slice(write.as_ref().map_or(&[], WriteFile::methods));
                Err(HttpError::MethodNotAllowed(allowed.into()))
            }
        }
    }
}
