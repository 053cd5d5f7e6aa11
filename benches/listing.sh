#!/usr/bin/env bash
# Measures the listing of a large directory, as a table for docs/performance.md. COUNT and ROUNDS make it shorter. Loopback only.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

COUNT=${COUNT:-100000}
ROUNDS=${ROUNDS:-5}

command -v curl >/dev/null || { echo 'curl is not installed' >&2; exit 1; }
work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

cargo build --release --bin hearken >&2
hearken=${CARGO_TARGET_DIR:-target}/release/hearken
mkdir "$work/www"
(cd "$work/www" && seq -f 'a file with the number %.0f.txt' "$COUNT" | xargs -d '\n' touch)

# Starts a fresh server, so that no figure depends on earlier work.
start() {
    : >"$work/out"
    "$hearken" --port 0 --access-log off --archive "$work/www" >"$work/out" &
    server=$!
    until url=$(sed -n 's/^Listening on //p' "$work/out") && [ -n "$url" ]; do sleep 0.01; done
}

stop() {
    kill "$server"
    wait "$server" 2>/dev/null || true
    server=
}

memory() { awk -v field="$1:" '$1 == field { print $2 }' "/proc/$server/status"; }

median() { sort -n | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }

# One row: the times of clients that come one after the other, and the memory beyond that of an idle server.
row() {
    local what=$1 query=$2 clients=$3 before after size
    start
    before=$(memory VmRSS)
    : >"$work/first" && : >"$work/all"
    for _ in $(seq "$ROUNDS"); do
        local requests=()
        for client in $(seq "$clients"); do
            curl -s -o "$work/body.$client" -w '%{http_code} %{time_starttransfer} %{time_total}\n' "$url$query" >"$work/times.$client" &
            requests+=("$!")
        done
        wait "${requests[@]}"
        for client in $(seq "$clients"); do
            read -r status first all <"$work/times.$client"
            [ "$status" = 200 ] || { echo "$what is answered with $status" >&2; exit 1; }
            # The listing must be complete.
            [ "$(grep -ao 'a file with the number [0-9]*[.]txt' "$work/body.$client" | sort -u | wc -l)" = "$COUNT" ] || { echo "$what is not whole" >&2; exit 1; }
            echo "$first" >>"$work/first"
            echo "$all" >>"$work/all"
        done
    done
    after=$(memory VmHWM)
    size=$(stat -c %s "$work/body.1")
    echo "| $what | $clients | $(median <"$work/first" | awk '{ printf "%.0f", $1 * 1000 }') ms | $(median <"$work/all" | awk '{ printf "%.0f", $1 * 1000 }') ms | $(awk -v a="$size" 'BEGIN { printf "%.1f", a / 1048576 }') MiB | $(awk -v a="$after" -v b="$before" 'BEGIN { printf "%.1f", (a - b) / 1024 }') MiB |"
    stop
}

{
    echo "A directory of $COUNT files; medians of $ROUNDS rounds, curl on the same machine."
    echo
    echo "| | clients at once | first byte | all of it | size | memory, all clients |"
    echo "|---|---|---|---|---|---|"
    row 'HTML, by name' '' 1
    row 'HTML, by size' '?sort=size' 1
    row 'HTML, by type' '?sort=type' 1
    row 'JSON' '?format=json' 1
    row 'HTML, by name' '' 8
    row 'as an archive' '?download=tar' 1
}
