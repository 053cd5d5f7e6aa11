//! Signals that a program was started to ignore, and goes on to ignore.

use std::ffi::c_int;
use std::fs;

/// Whether this process ignores a signal, as SIGHUP under nohup, if the system tells (proc(5)).
pub(crate) fn is_ignored(signal: c_int) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
