//! Where in the path of a request a nested router or handler is mounted.

/// How many bytes of a path are the prefix of the routers that a handler is nested in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mount {
    /// Of the path as it was sent.
    pub(super) encoded: usize,
    /// Of the decoded path, if some of the path is encoded. Decoding keeps the number of segments.
    pub(super) decoded: usize,
}

/// How many bytes the first segments of a path have, each with its slash.
pub(super) fn prefix_length(path: &str, segments: usize) -> usize {
    path.match_indices('/').nth(segments).map_or(path.len(), |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_slash() {
        let table = [
            ("/a/b/c", 1, "/a"),
            ("/a/b/c", 2, "/a/b"),
            ("/a/", 1, "/a"),
            ("/a", 1, "/a"),
            ("//a", 1, "/"),
            ("/a", 0, ""),
        ];
        for (path, segments, prefix) in table {
            assert_eq!(&path[..prefix_length(path, segments)], prefix, "{path} {segments}");
        }
    }
}
