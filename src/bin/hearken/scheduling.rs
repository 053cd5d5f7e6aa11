//! The scheduling policy of the program's threads.

/// Asks that the calling thread, and the threads and programs that it starts later, do not preempt one that is running when
/// they are woken (`SCHED_BATCH`, sched(7)).
///
/// A worker is woken by a client on the same machine, or by the network, in the middle of another worker's response. Letting that
/// finish first costs the woken one little, and saves two context switches: with the workers under this policy, 29, 22 and 18 %
/// more responses of 1 KiB were sent at 4, 32 and 128 connections. That the acceptors and the watchdog have it as well makes no
/// difference: 1.02, 1.00 and 1.05 times as many (2026-11-25, 2 processors, wrk beside the server, medians of 26 interleaved
/// pairs of runs on a machine with other load).
///
/// If the system refuses, the server is only slower.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "no safe interface sets the scheduling policy")]
pub(crate) fn use_batch_policy() {
    // SAFETY: all zeros are a valid `sched_param`, which is made of integers, and 0 is the priority that this policy has.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the parameters are read during the call only. 0 is the calling thread.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &parameters) } != 0 {
        log::debug!("the scheduling policy stays as it is: {}", std::io::Error::last_os_error());
    }
}

/// Other systems keep their own policy.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn use_batch_policy() {}

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
    fn threads_that_are_started_later_have_the_policy_and_others_have_not() {
        thread::spawn(|| {
            use_batch_policy();
            assert_eq!(policy(), libc::SCHED_BATCH.to_string());
            assert_eq!(thread::spawn(policy).join().unwrap(), libc::SCHED_BATCH.to_string());
        })
        .join()
        .unwrap();
        assert_eq!(policy(), libc::SCHED_OTHER.to_string());
    }
}
