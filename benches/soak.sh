#!/usr/bin/env bash
# First hundreds of thousands of responses while descriptor numbers are reused all the time: none may go to another client. Then
# minutes of mixed load together with all kinds of badly behaved clients, plain and over TLS, at least a million requests: memory,
# descriptors and threads must return to where they were. Loopback only. ANSWERS (300000), MINUTES (3) and REQUESTS
# (1000000) set how long it takes, and SECONDS_EACH (9) how long each kind of load is within a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

ANSWERS=${ANSWERS:-300000}
MINUTES=${MINUTES:-3}
REQUESTS=${REQUESTS:-1000000}
SECONDS_EACH=${SECONDS_EACH:-9}
# Below the ports that the system gives to clients.
port=14090
tls_port=14490
command -v wrk >/dev/null || { echo 'wrk is not installed' >&2; exit 1; }
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

cargo build --release --bin hearken
cargo bench --no-run --bench abuse --bench crossed 2>&1 | tee "$work/log"
abuse=$(sed -n 's/.*(\(.*abuse-[^)]*\)).*/\1/p' "$work/log")
crossed=$(sed -n 's/.*(\(.*crossed-[^)]*\)).*/\1/p' "$work/log")
hearken=$(realpath "${CARGO_TARGET_DIR:-target}/release/hearken")

for mode in plain tls; do
    printf '%-12s ' "crossed, $mode"
    "$crossed" "$ANSWERS" "$mode"
done

mkdir "$work/www"
head -c 1024 /dev/urandom >"$work/www/1KiB"
head -c 102400 /dev/urandom >"$work/www/100KiB"
head -c 104857600 /dev/urandom >"$work/www/100MiB"
mkdir "$work/www/many"
(cd "$work/www/many" && seq -f 'a file with the number %05g' 20000 | xargs touch)
(cd "$work" && "$hearken" --make-certs 2>/dev/null)

# Starts a server with these arguments and waits for its port.
start() {
    # Fewer connections than a crowd opens.
    "$hearken" --access-log off --demo --max-connections 160 --port "$1" "${@:2}" "$work/www" >/dev/null 2>>"$work/errors" &
    pids+=("$!")
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        kill -0 "${pids[-1]}" || { cat "$work/errors" >&2; exit 1; }
        sleep 0.05
    done
}

start "$port" --write "$work/data"
plain=${pids[-1]}
start "$tls_port" --write "$work/tls-data" --tls-cert "$work/certs/localhost.pem" --tls-key "$work/certs/localhost-key.pem"
secure=${pids[-1]}

# Memory, threads and descriptors of a server.
show() {
    local memory threads descriptors
    memory=$(awk '/VmRSS/ { print $2 }' "/proc/$1/status")
    threads=$(awk '/Threads/ { print $2 }' "/proc/$1/status")
    descriptors=$(find "/proc/$1/fd" | wc -l)
    echo "$memory $threads $descriptors"
}

report() {
    for server in plain secure; do
        show "${!server}" | awk -v when="$1, $server" '{ printf "%-20s %8d KiB %6d threads %6d descriptors\n", when, $1, $2, $3 }'
    done
}

# Runs one load, and adds its requests to the total.
load() {
    local now
    now=$(wrk -t2 -c32 -d"${SECONDS_EACH}s" "$1" | awk '/requests in/ { print $1 }')
    requests=$((requests + now))
}

# Checks that a server is back where it was: its name, and its memory, threads and descriptors before.
is_flat() {
    local server=$1 memory threads descriptors
    read -r memory threads descriptors < <(show "${!server}")
    [ "$memory" -le $(($2 + 16384)) ] && [ "$threads" -le $(($3 + 2)) ] && [ "$descriptors" -le $(($4 + 2)) ]
}

# Warms up first, because what is allocated once is not a leak.
wrk -t2 -c64 -d5s "http://127.0.0.1:$port/1KiB" >/dev/null
wrk -t2 -c64 -d5s "https://127.0.0.1:$tls_port/1KiB" >/dev/null
"$abuse" "$port" 60 "$tls_port" >/dev/null &
for path in 1KiB 100KiB 100MiB; do wrk -t2 -c32 -d20s "http://127.0.0.1:$port/$path" >/dev/null; done
wait "$!"
sleep 25
report warm
plain_before=$(show "$plain") secure_before=$(show "$secure")

requests=0 minute=0
while [ "$minute" -lt "$MINUTES" ] || [ "$requests" -lt "$REQUESTS" ]; do
    minute=$((minute + 1))
    "$abuse" "$port" $((7 * SECONDS_EACH)) "$tls_port" >"$work/abused" &
    abuser=$!
    pids+=("$abuser")
    for path in hello 1KiB 100KiB 'guess?q=3' nothing 100MiB; do load "http://127.0.0.1:$port/$path"; done
    load "https://127.0.0.1:$tls_port/100KiB"
    wait "$abuser"
    report "minute $minute"
    echo "                     $requests requests, and $(cat "$work/abused") connections of bad clients in this minute"
done

# Waits until idle connections and threads have ended.
sleep 25
report afterwards
cat "$work/errors"
# Each is three numbers.
# shellcheck disable=SC2086
if ! is_flat plain $plain_before || ! is_flat secure $secure_before; then
    echo 'not flat: something is kept' >&2
    exit 1
fi
echo "flat after $requests requests"
