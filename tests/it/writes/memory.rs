//! How much memory large uploads take.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::Site;
use crate::support::PATIENCE;

/// Sends a request with a body of this many bytes, made of one piece after the other.
fn send_large(address: SocketAddr, head: &str, length: usize, mut piece: impl FnMut(usize) -> Vec<u8>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{head}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").unwrap();
    let mut left = length;
    while left > 0 {
        let bytes = piece(left);
        stream.write_all(&bytes).unwrap();
        left -= bytes.len();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_upload_takes_little_memory() {
    let site = Site::new();
    let server = site.serve(&["--durability", "rename"]);
    let zeros = vec![0; 1024 * 1024];
    let answer = send_large(server.address(), "PUT /large HTTP/1.1", 1 << 30, |_| zeros.clone());
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(fs::metadata(site.data().join("large")).unwrap().len(), 1 << 30);
    let peak = server.peak_memory();
    eprintln!("1 GiB by PUT: {peak} KiB");
    assert!(peak <= 16 * 1024, "{peak} KiB");
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_form_takes_little_memory() {
    const FILE: usize = 150 * 1024 * 1024;
    let site = Site::new();
    let server = site.serve(&["--durability", "rename"]);
    // A field to skip that is as long as the file, which is full of what a delimiter may begin with.
    let field = "--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n";
    let head = "\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"large\"\r\n\r\n";
    let end = "\r\n--B--\r\n";
    let length = field.len() + FILE + head.len() + FILE + end.len();
    let bytes = b"\r\n-".repeat(400_000);
    let mebibyte = &bytes[..1024 * 1024];
    let file = vec![mebibyte; FILE / mebibyte.len()];
    let pieces = [vec![field.as_bytes()], file.clone(), vec![head.as_bytes()], file, vec![end.as_bytes()]];
    let mut pieces = pieces.concat().into_iter();
    let head = "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B";
    let answer = send_large(server.address(), head, length, |_| pieces.next().unwrap().to_vec());
    assert!(answer.ends_with("\r\n\r\nStored large.\n"), "{answer}");
    assert_eq!(fs::metadata(site.data().join("large")).unwrap().len(), FILE as u64);
    let peak = server.peak_memory();
    eprintln!("300 MiB in a form: {peak} KiB");
    assert!(peak <= 16 * 1024, "{peak} KiB");
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_document_is_checked_in_little_memory() {
    const LENGTH: usize = 100 * 1024 * 1024;
    let site = Site::new();
    let server = site.serve(&["--max-body", "200MiB", "--durability", "rename"]);
    let head = "POST /large.json HTTP/1.1\r\nContent-Type: application/json";
    // Names without end in one object, and a name for the answer after them all.
    let last = b"\"name\": \"Han Solo\"}";
    let mut number = 0_u32;
    let names = |left: usize| {
        let mut piece = if left == LENGTH { b"{".to_vec() } else { Vec::new() };
        while piece.len() < 60_000 && left - piece.len() > last.len() + 1000 {
            piece.extend_from_slice(format!("\"key number {number:08}\": \"{}\",\n", "v".repeat(180)).as_bytes());
            number += 1;
        }
        if piece.is_empty() {
            piece = vec![b' '; left - last.len()];
            piece.extend_from_slice(last);
        }
        piece
    };
    let answer = send_large(server.address(), head, LENGTH, names);
    assert!(answer.ends_with("\r\n\r\nWrote data for Han Solo."), "{answer}");
    assert!(number > 400_000, "{number} names");

    // One name of almost all the length.
    let key = |left: usize| match left {
        LENGTH => b"{\"".to_vec(),
        left if left > 1_000_100 => vec![b'x'; 1_000_000],
        left => [vec![b'x'; left - last.len() - 4], b"\":0,".to_vec(), last.to_vec()].concat(),
    };
    let answer = send_large(server.address(), head, LENGTH, key);
    assert!(answer.ends_with("\r\n\r\nWrote data for Han Solo."), "{answer}");

    // One string of almost all the length.
    let text = |left: usize| match left {
        LENGTH => b"{\"name\": \"".to_vec(),
        left if left > 1_000_002 => vec![b'x'; 1_000_000],
        left => [vec![b'x'; left - 2], b"\"}".to_vec()].concat(),
    };
    let answer = send_large(server.address(), head, LENGTH, text);
    assert!(answer.ends_with("xxx….") && answer.len() < 2000, "{}", &answer[..200]);
    assert_eq!(fs::metadata(site.data().join("large.json")).unwrap().len(), LENGTH as u64);
    let peak = server.peak_memory();
    eprintln!("100 MiB of JSON by POST: {peak} KiB");
    assert!(peak <= 32 * 1024, "{peak} KiB");
}

/// Writes 7 GiB to the disk and reads none of it again. `make large-uploads` runs it.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "it takes a while, and several GiB of disk"]
fn uploads_of_several_gibibytes_take_little_memory() {
    const GIB: usize = 1 << 30;
    let site = Site::new();
    let server = site.serve(&["--durability", "rename"]);
    let zeros = vec![0; 1024 * 1024];
    // More than 32 bits can count.
    let length = 4 * GIB + 1;
    let answer =
        send_large(server.address(), "PUT /put HTTP/1.1", length, |left| zeros[..left.min(zeros.len())].to_vec());
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(fs::metadata(site.data().join("put")).unwrap().len(), length as u64);
    fs::remove_file(site.data().join("put")).unwrap();

    let head = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"form\"\r\n\r\n";
    let end = "\r\n--B--\r\n";
    let length = head.len() + 3 * GIB + end.len();
    let request = "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B";
    let answer = send_large(server.address(), request, length, |left| match left {
        left if left == length => head.as_bytes().to_vec(),
        left if left == end.len() => end.as_bytes().to_vec(),
        left => zeros[..(left - end.len()).min(zeros.len())].to_vec(),
    });
    assert!(answer.ends_with("\r\n\r\nStored form.\n"), "{answer}");
    assert_eq!(fs::metadata(site.data().join("form")).unwrap().len(), 3 << 30);

    let peak = server.peak_memory();
    eprintln!("4 GiB by PUT, 3 GiB in a form: {peak} KiB");
    assert!(peak <= 16 * 1024, "{peak} KiB");
}
