#!/usr/bin/env bash
# Prints a table of what a program that embeds hearken builds: how many crates, and how long a cold build keeps the processors busy.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
cargo fetch --locked --quiet

# The seconds that all processors together spend on a cold build with these options.
processor_seconds() {
    rm -rf "$target"
    local TIMEFORMAT='%U %S'
    { time cargo build --lib --quiet --target-dir "$target" "$@" >/dev/null; } 2>&1 | awk '{ printf "%.0f", $1 + $2 }'
}

echo "The crates include hearken. A cold build of the library, nothing downloaded; processor time, so that the number of processors does not matter."
echo
echo "| features | crates | debug | release |"
echo "|---|---|---|---|"
for features in "" forms cookies charset tls client forms,auth,tls; do
    options=(--no-default-features --features "$features")
    crates=$(cargo tree --edges normal --prefix none "${options[@]}" | sed 's/ (\*)$//' | sort -u | wc -l)
    echo "| ${features:-none} | $crates | $(processor_seconds "${options[@]}") s | $(processor_seconds "${options[@]}" --release) s |"
done
