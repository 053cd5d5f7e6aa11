//! How the system is asked to run the workers.

/// Asks that the calling thread, when there is something for it to do, does not interrupt another one that is running.
///
/// A worker is woken by a client on the same machine, or by the network, in the middle of another worker's answer. To let that
/// finish first costs the woken one little, and saves the processors a switch there and back: answers of 1 KiB were 29, 22 and
/// 18 % more at 4, 32 and 128 connections. Threads and programs that a handler starts inherit it.
///
/// Where the system refuses, nothing is lost but that.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "no safe interface sets the scheduling policy")]
pub(super) fn run_without_interrupting() {
    // SAFETY: all zeros are a valid `sched_param`, which is made of integers, and 0 is the priority that this policy has.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the parameters are read during the call only. 0 is the calling thread.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &parameters) } != 0 {
        log::debug!("the scheduling policy of a worker stays: {}", std::io::Error::last_os_error());
    }
}

/// Elsewhere the system's own choice has to do.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn run_without_interrupting() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    /// The policy of the calling thread, as the system shows it.
    fn policy() -> String {
        let status = fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The name stands in parentheses and may hold anything; the policy is the 39th field after it, with the name as second.
        let after_name = status.rsplit_once(')').unwrap().1;
        after_name.split_whitespace().nth(38).unwrap().to_owned()
    }

    #[test]
    fn only_the_thread_itself_is_changed() {
        thread::spawn(|| {
            run_without_interrupting();
            assert_eq!(policy(), libc::SCHED_BATCH.to_string());
        })
        .join()
        .unwrap();
        assert_eq!(policy(), libc::SCHED_OTHER.to_string());
    }
}
