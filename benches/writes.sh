#!/usr/bin/env bash
# Measures how many files a second one writer and 32 store, and writes the table into the README. SECONDS_EACH makes it shorter.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

section=$(mktemp)
trap 'rm -f "$section" "$section.md"' EXIT
{
    echo "Measured on $(date -u +%Y-%m-%d) with \`make bench-writes\`: 1 KiB a file by \`PUT\`, files a second,"
    echo "$(nproc) processors ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)), Linux $(uname -r), $(stat -f -c %T .)."
    echo
    cargo bench --bench writes -- "${SECONDS_EACH:-5}"
} >"$section"
cat "$section"
awk -v section="$section" '
    $0 == "<!-- writes: end -->" { skipping = 0 }
    !skipping { print }
    $0 == "<!-- writes: begin -->" { skipping = 1; while ((getline line < section) > 0) print line }' README.md >"$section.md"
cp "$section.md" README.md
