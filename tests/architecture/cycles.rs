//! The cycles of a directed graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter;

/// Cycles, the shortest first, until what is left without their edges has none: each of them must be cut somewhere. The
/// first node of a cycle is not repeated at its end.
pub(crate) fn cycles<T: Ord>(edges: &BTreeSet<(T, T)>) -> Vec<Vec<&T>> {
    let mut left: BTreeSet<(&T, &T)> = edges.iter().map(|(from, to)| (from, to)).collect();
    let mut cycles = Vec::new();
    loop {
        let found = shortest_cycles(&left);
        if found.is_empty() {
            return cycles;
        }
        for cycle in found {
            if edges_of(&cycle).iter().all(|edge| left.contains(edge)) {
                left.retain(|edge| !edges_of(&cycle).contains(edge));
                cycles.push(cycle);
            }
        }
    }
}

/// For each edge that is in a cycle the shortest one; of all these the shortest first.
fn shortest_cycles<'a, T: Ord>(edges: &BTreeSet<(&'a T, &'a T)>) -> Vec<Vec<&'a T>> {
    let mut targets: BTreeMap<&T, Vec<&T>> = BTreeMap::new();
    for (from, to) in edges {
        targets.entry(from).or_default().push(to);
    }
    let mut cycles: Vec<_> = edges.iter().filter_map(|(from, to)| shortest_path(&targets, to, from)).collect();
    cycles.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    cycles
}

/// The edges of a cycle, in order.
pub(crate) fn edges_of<'a, T>(cycle: &[&'a T]) -> Vec<(&'a T, &'a T)> {
    cycle.iter().copied().zip(cycle.iter().copied().cycle().skip(1)).collect()
}

/// The nodes from one to the other, both included.
fn shortest_path<'a, T: Ord>(targets: &BTreeMap<&'a T, Vec<&'a T>>, from: &'a T, to: &T) -> Option<Vec<&'a T>> {
    let mut came_from = BTreeMap::from([(from, None)]);
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if node == to {
            let mut path: Vec<_> = iter::successors(Some(node), |node| came_from[node]).collect();
            path.reverse();
            return Some(path);
        }
        for &next in targets.get(node).into_iter().flatten() {
            came_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                Some(node)
            });
        }
    }
    None
}

#[test]
fn each_cycle_shares_an_edge_with_one_that_is_found() {
    let cases: &[(&[(&str, &str)], &[&[&str]], &str)] = &[
        (&[], &[], "nothing"),
        (&[("a", "b"), ("b", "c"), ("a", "c")], &[], "two ways to one place are no cycle"),
        (&[("a", "a")], &[&["a"]], "one that leads to itself"),
        (&[("b", "a"), ("a", "b"), ("b", "c")], &[&["a", "b"]], "two, and one aside"),
        (&[("c", "a"), ("b", "c"), ("a", "b")], &[&["a", "b", "c"]], "three, from the least on"),
        (&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")], &[&["a", "b"], &["b", "c"]], "two that share a node"),
        (&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")], &[&["a", "b"]], "two that share an edge"),
        (&[("a", "b"), ("b", "a"), ("a", "c"), ("c", "b")], &[&["a", "b"]], "two that share another edge"),
        (
            &[("a", "b"), ("b", "c"), ("c", "a"), ("b", "a"), ("c", "d"), ("d", "e"), ("e", "c")],
            &[&["a", "b"], &["c", "d", "e"]],
            "a long one that none of the short ones cuts",
        ),
        (
            &[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "c"), ("d", "b")],
            &[&["c", "d"], &["a", "b", "c"]],
            "one that is left when a shorter one with its edge is cut",
        ),
    ];
    for (edges, expected, why) in cases {
        let edges = edges.iter().copied().collect();
        let found: Vec<Vec<_>> = cycles(&edges).into_iter().map(|cycle| cycle.into_iter().copied().collect()).collect();
        assert_eq!(found, *expected, "{why}");
    }
}
