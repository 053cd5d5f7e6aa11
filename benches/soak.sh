#!/usr/bin/env bash
# Minutes of mixed load with badly behaved clients among it, a million requests at least: memory, descriptors and threads must
# be back where they were. Loopback only. MINUTES (3) sets for how long.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

MINUTES=${MINUTES:-3}
# Below the ports that the system gives to clients.
port=14090
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
cargo bench --no-run --bench abuse 2>&1 | tee "$work/abuse.log"
abuse=$(sed -n 's/.*(\(target[^)]*abuse[^)]*\)).*/\1/p' "$work/abuse.log")
mkdir "$work/www"
head -c 1024 /dev/urandom >"$work/www/1KiB"
head -c 102400 /dev/urandom >"$work/www/100KiB"
head -c 104857600 /dev/urandom >"$work/www/100MiB"
target/release/hearken --access-log off --demo --write "$work/data" --port "$port" "$work/www" >/dev/null 2>"$work/errors" &
server=$!
pids+=("$server")
until { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; do
    kill -0 "$server" || { cat "$work/errors" >&2; exit 1; }
    sleep 0.05
done
exec 3>&-

show() {
    local memory threads descriptors
    memory=$(awk '/VmRSS/ { print $2 }' "/proc/$server/status")
    threads=$(awk '/Threads/ { print $2 }' "/proc/$server/status")
    descriptors=$(find "/proc/$server/fd" | wc -l)
    echo "$memory $threads $descriptors"
}
report() { show | awk -v when="$1" '{ printf "%-12s %8d KiB %6d threads %6d descriptors\n", when, $1, $2, $3 }'; }

# Warm up first: what is allocated once is not a leak.
wrk -t2 -c64 -d5s "http://127.0.0.1:$port/1KiB" >/dev/null
sleep 25
report warm
read -r memory threads descriptors < <(show)

requests=0 minute=0
while [ "$minute" -lt "$MINUTES" ] || [ "$requests" -lt 1000000 ]; do
    minute=$((minute + 1))
    "$abuse" "$port" 60 >"$work/abused" &
    for path in hello 1KiB 100KiB 'guess?q=3' nothing 100MiB; do
        done_now=$(wrk -t2 -c32 -d9s "http://127.0.0.1:$port/$path" | awk '/requests in/ { print $1 }')
        requests=$((requests + done_now))
    done
    wait "$!"
    report "minute $minute"
    echo "             $requests requests, and $(cat "$work/abused") connections of bad clients in this minute"
done

# Idle connections and threads take their time to leave.
sleep 25
report afterwards
read -r memory_now threads_now descriptors_now < <(show)
cat "$work/errors"
if [ "$descriptors_now" -gt $((descriptors + 2)) ] || [ "$threads_now" -gt $((threads + 2)) ] \
    || [ "$memory_now" -gt $((memory + 16384)) ]; then
    echo 'not flat: something is kept' >&2
    exit 1
fi
echo "flat after $requests requests"
