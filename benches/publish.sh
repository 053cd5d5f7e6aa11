#!/usr/bin/env bash
# Copies standard input to standard output, and between the markers `<!-- NAME: begin -->` and `<!-- NAME: end -->` of
# docs/performance.md, below a line with the date, the machine and the make target.
# Usage: publish.sh NAME TARGET
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
page=docs/performance.md

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
    echo "Measured on $(date -u +%Y-%m-%d) with \`make $2\`: $(nproc) processors ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)), Linux $(uname -r)."
    cat
} >"$work/section"
cat "$work/section"
grep -qxF "<!-- $1: begin -->" "$page" || { echo "$page has no section $1" >&2; exit 1; }
awk -v section="$work/section" -v name="$1" '
    $0 == "<!-- " name ": end -->" { skipping = 0 }
    !skipping { print }
    $0 == "<!-- " name ": begin -->" { skipping = 1; while ((getline line < section) > 0) print line }' "$page" >"$work/page"
cp "$work/page" "$page"
