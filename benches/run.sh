#!/usr/bin/env bash
# Measures hearken beside nginx, static-web-server and a bare accept loop, in the same run, and writes the tables into the
# README. Takes about ten minutes; ROUNDS and SECONDS_EACH make it shorter, and ONLY=memory leaves the speeds out. Loopback only.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

ROUNDS=${ROUNDS:-3}
SECONDS_EACH=${SECONDS_EACH:-4}
# Where hearken listens, plain and over TLS; the others have the ports above. Below those that the system gives to clients.
PLAIN=14080
TLS=14443

command -v wrk >/dev/null || { echo 'wrk is not installed' >&2; exit 1; }
work=$(mktemp -d)
# nginx reads as another user.
chmod 755 "$work"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
# Ten thousand connections take two descriptors each.
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

cargo build --release --bin hearken
cargo bench --no-run --bench bare_loop 2>&1 | tee "$work/bare.log"
bare=$(sed -n 's/.*(\(target[^)]*bare_loop[^)]*\)).*/\1/p' "$work/bare.log")
cargo bench --no-run --bench idle 2>&1 | tee "$work/idle.log"
idle=$(sed -n 's/.*(\(target[^)]*idle[^)]*\)).*/\1/p' "$work/idle.log")

mkdir "$work/www" "$work/run"
head -c 1024 /dev/urandom >"$work/www/1KiB"
head -c 102400 /dev/urandom >"$work/www/100KiB"
head -c 104857600 /dev/urandom >"$work/www/100MiB"
hearken=$PWD/target/release/hearken
(cd "$work" && "$hearken" --make-certs 2>/dev/null)
cert=$work/certs/localhost.pem key=$work/certs/localhost-key.pem

# Starts a server in the background and waits for its port.
start() {
    local port=$1
    shift
    "$@" >/dev/null 2>>"$work/run/log" &
    pids+=("$!")
    for _ in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        sleep 0.05
    done
    echo "$1 does not listen on $port" >&2
    exit 1
}

servers=(hearken)
start "$PLAIN" "$hearken" --access-log off --demo --max-connections 20000 --port "$PLAIN" "$work/www"
hearken_pid=${pids[-1]}
start "$TLS" "$hearken" --access-log off --port "$TLS" --tls-cert "$cert" --tls-key "$key" "$work/www"
if command -v nginx >/dev/null; then
    servers+=(nginx)
    cat >"$work/nginx.conf" <<EOF
daemon off; worker_processes 2; pid $work/run/nginx.pid; error_log $work/run/nginx.log;
events { worker_connections 4096; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
    client_body_temp_path $work/run; proxy_temp_path $work/run; fastcgi_temp_path $work/run;
    uwsgi_temp_path $work/run; scgi_temp_path $work/run;
    server {
        listen 127.0.0.1:$((PLAIN + 1)); listen 127.0.0.1:$((TLS + 1)) ssl; root $work/www;
        ssl_certificate $cert; ssl_certificate_key $key; ssl_session_cache shared:s:1m;
    }
}
EOF
    start $((PLAIN + 1)) nginx -c "$work/nginx.conf" -p "$work"
fi
if command -v static-web-server >/dev/null; then
    servers+=(static-web-server)
    start $((PLAIN + 2)) static-web-server --root "$work/www" --host 127.0.0.1 --port $((PLAIN + 2)) --log-level error \
        --compression false --cache-control-headers false
    start $((TLS + 2)) static-web-server --root "$work/www" --host 127.0.0.1 --port $((TLS + 2)) --log-level error \
        --compression false --cache-control-headers false --http2 true --http2-tls-cert "$cert" --http2-tls-key "$key"
fi
start $((PLAIN + 3)) "$bare" $((PLAIN + 3))

# What is measured must be the file, and not a refusal to give it.
for port in "$PLAIN" "$TLS"; do
    scheme=http
    [ "$port" = "$TLS" ] && scheme=https
    for server in hearken nginx static-web-server; do
        if [[ " ${servers[*]} " == *" $server "* ]]; then
            got=$(curl -sk -o /dev/null -w '%{http_code} %{size_download}' "$scheme://127.0.0.1:$port/100KiB")
            [ "$got" = "200 102400" ] || { echo "$server answers $got over $scheme" >&2; exit 1; }
        fi
        port=$((port + 1))
    done
done

# Requests a second, or bytes a second for the large file, of one run of wrk.
measure() {
    local url=$1 connections=$2 threads=2
    [ "$connections" -lt 2 ] && threads=1
    wrk -t"$threads" -c"$connections" -d"${SECONDS_EACH}s" --timeout 30s "$url" | awk -v url="$url" '
        /Requests\/sec/ { requests = $2 }
        /Transfer\/sec/ {
            number = $2; unit = $2; gsub(/[0-9.]/, "", unit); sub(/[A-Z]+/, "", number)
            factor["B"] = 1; factor["KB"] = 1024; factor["MB"] = 1048576; factor["GB"] = 1073741824
            bytes = number * factor[unit]
        }
        END { if (url ~ /100MiB/) printf "%.0f\n", bytes / 1048576; else printf "%.0f\n", requests }'
}

median() { sort -n | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }

# One row: what it is, then each server's median over the rounds, measured in turn, and hearken's ratio to each other one.
row() {
    local what=$1 base=$2 path=$3 connections=$4 scheme=http
    [ "$base" = "$TLS" ] && scheme=https
    for server in "${servers[@]}"; do : >"$work/run/$server"; done
    for _ in $(seq "$ROUNDS"); do
        local port=$base
        for server in hearken nginx static-web-server; do
            if [[ " ${servers[*]} " == *" $server "* ]]; then
                measure "$scheme://127.0.0.1:$port/$path" "$connections" >>"$work/run/$server"
            fi
            port=$((port + 1))
        done
    done
    local own line
    own=$(median <"$work/run/hearken")
    line="| $what | $connections | $own |"
    for server in "${servers[@]:1}"; do
        local other
        other=$(median <"$work/run/$server")
        line+=" $other | $(awk -v a="$own" -v b="$other" 'BEGIN { printf "%.2f", b ? a / b : 0 }') |"
    done
    echo "$line"
}

speeds() {
    echo "wrk on the same machine; medians of $ROUNDS rounds of $SECONDS_EACH s, the servers in turn."
    echo "Requests a second; MiB a second for 100 MiB. The ratio is hearken's figure to that of the server before it."
    echo
    header="| | connections | hearken |" rule="|---|---|---|"
    for server in "${servers[@]:1}"; do header+=" $server | ratio |" rule+="---|---|"; done
    echo "$header"
    echo "$rule"
    for path in 1KiB 100KiB 100MiB; do
        for connections in 4 32 128; do row "$path" "$PLAIN" "$path" "$connections"; done
    done
    for path in 1KiB 100KiB 100MiB; do
        for connections in 4 32 128; do row "$path, TLS" "$TLS" "$path" "$connections"; done
    done
    echo
    echo "| /hello | connections | hearken | bare accept loop | ratio |"
    echo "|---|---|---|---|---|"
    for connections in 4 32 128; do
        : >"$work/run/own" && : >"$work/run/bare"
        for _ in $(seq "$ROUNDS"); do
            measure "http://127.0.0.1:$PLAIN/hello" "$connections" >>"$work/run/own"
            measure "http://127.0.0.1:$((PLAIN + 3))/hello" "$connections" >>"$work/run/bare"
        done
        own=$(median <"$work/run/own") other=$(median <"$work/run/bare")
        echo "| GET | $connections | $own | $other | $(awk -v a="$own" -v b="$other" 'BEGIN { printf "%.2f", a / b }') |"
    done

}

memory() {
    echo "wrk on the same machine."
    echo
    echo "| | |"
    echo "|---|---|"
    fresh=$((PLAIN + 4))
    : >"$work/run/start" && : >"$work/run/rss"
    for _ in $(seq 11); do
        begun=$(date +%s%N)
        "$hearken" --access-log off --demo --max-connections 20000 --port "$fresh" "$work/www" >/dev/null 2>&1 &
        pid=$!
        pids+=("$pid")
        until { exec 3<>"/dev/tcp/127.0.0.1/$fresh"; } 2>/dev/null; do :; done
        printf 'GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >&3
        read -r _ <&3
        echo $((($(date +%s%N) - begun) / 100000)) >>"$work/run/start"
        exec 3>&-
        awk '/VmRSS/ { print $2 }' "/proc/$pid/status" >>"$work/run/rss"
        kill "$pid"
        wait "$pid" 2>/dev/null || true
    done
    echo "| start to first answer | $(median <"$work/run/start" | awk '{ printf "%.1f", $1 / 10 }') ms |"
    echo "| resident memory when idle | $(median <"$work/run/rss" | awk '{ printf "%.1f", $1 / 1024 }') MiB |"
    echo "| \`hearken\`, stripped | $(stat -c %s "$hearken" | awk '{ printf "%.1f", $1 / 1048576 }') MiB |"

    "$hearken" --access-log off --demo --max-connections 20000 --idle-timeout 0 --port "$fresh" "$work/www" >/dev/null 2>&1 &
    pid=$!
    pids+=("$pid")
    until { exec 3<>"/dev/tcp/127.0.0.1/$fresh"; } 2>/dev/null; do :; done
    exec 3>&-
    before=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
    # Below three quarters of what the limit on open files allows, for from there on idle ones are closed sooner.
    local most=$(((($(ulimit -n) - 64) / 3) * 7 / 10))
    coproc IDLE { exec "$idle" "$fresh" $((most < 10000 ? most : 10000)); }
    pids+=("$IDLE_PID")
    read -r opened <&"${IDLE[0]}"
    after=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
    # Each open connection has its worker: what the client counts as open is not enough.
    workers=$(grep -l hearken-worker "/proc/$pid"/task/*/comm | wc -l)
    [ "$workers" -ge "$opened" ] || { echo "only $workers of $opened connections are open" >&2; exit 1; }
    echo "| resident memory for each of $opened idle connections | $(awk -v a="$after" -v b="$before" -v n="$opened" 'BEGIN { printf "%.1f", (a - b) / n }') KiB |"
    echo "| GET /hello beside them, 32 connections | $(measure "http://127.0.0.1:$fresh/hello" 32) requests a second |"
    kill "$IDLE_PID" "$pid" 2>/dev/null || true
}

# Not in a pipe: what they start is to be ended by the trap.
if [ "${ONLY:-}" != memory ]; then
    speeds >"$work/speed"
    bash benches/publish.sh speed bench <"$work/speed"
fi
memory >"$work/memory"
bash benches/publish.sh memory bench <"$work/memory"
