//! What the tests share: programs started and ended, servers and connections to them, HTTP spoken by hand, and waiting.

mod connections;
mod programs;
mod raw_http;
mod servers;
mod this_crate;
mod waiting;

pub(crate) use connections::{Dialer, Stream, client_config, unused_address};
pub(crate) use programs::{Program, Run, lines_of, on_path, output_of, output_within, skip};
pub(crate) use raw_http::{Reply, Wire, ask, get, read_until_closed, write_until_closed};
pub(crate) use servers::{Lines, Messages, Place, stop};
pub(crate) use this_crate::{alone, client, count, example, hearken};
pub(crate) use waiting::{Gate, PATIENCE, SetOnDrop, returns, until};
