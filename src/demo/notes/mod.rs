//! Notes, one a line, in a text file: the service, and the file of lines under it.

mod lines;
mod service;

pub use service::Notes;
