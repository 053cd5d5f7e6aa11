//! How long a router takes to find a handler, with few routes and with many.
//!
//! `cargo bench --bench routes` prints a table. No socket is used. The sizes take turns, so that what else the machine does meets
//! all of them.

use std::time::Instant;

use hearken::{Request, Router};

const SIZES: [usize; 3] = [5, 50, 500];
const ROUNDS: usize = 200;
/// How many requests are timed together.
const BATCH: u32 = 1_000;

/// What is asked for, and its target in a router of this size.
const QUESTIONS: [(&str, fn(usize) -> String); 4] = [
    ("the first route", |_| "/api/things0".into()),
    ("the last route", |size| format!("/api/things{}", size - 1)),
    ("the last route, with two parameters", |size| format!("/api/things{}/7/parts/8", size - 1)),
    ("no route", |_| "/api/nothing".into()),
];

fn main() {
    let routers = SIZES.map(router);
    println!("One request, without a socket: the median of {ROUNDS} times {BATCH} requests.");
    println!();
    println!("| looking for | 5 routes | 50 routes | 500 routes |");
    println!("|---|---|---|---|");
    for (name, target) in QUESTIONS {
        let mut requests = SIZES.map(|size| Request::get(&target(size)));
        let mut times = SIZES.map(|_| Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            for ((router, request), times) in routers.iter().zip(&mut requests).zip(&mut times) {
                let begun = Instant::now();
                for _ in 0..BATCH {
                    std::hint::black_box(router.respond(request));
                }
                times.push(begun.elapsed() / BATCH);
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            format!("{} ns", times[ROUNDS / 2].as_nanos())
        });
        println!("| {name} | {} |", medians.join(" | "));
    }
}

/// A router with this many routes, each with two patterns.
fn router(size: usize) -> Router {
    (0..size).fold(Router::new(), |router, number| {
        router
            .get(&format!("/api/things{number}"), |_| "things")
            .get(&format!("/api/things{number}/{{id}}/parts/{{part}}"), |_| "a part")
    })
}
