#!/usr/bin/env bash
# Measures hearken beside nginx, static-web-server and axum, in the same run, and writes the tables into docs/performance.md. Takes
# about eleven minutes; ROUNDS and SECONDS_EACH make it shorter, ONLY=speed, ONLY=hello or ONLY=memory measures that alone, and
# IDLE sets how many idle connections there are. Loopback only.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

ROUNDS=${ROUNDS:-3}
SECONDS_EACH=${SECONDS_EACH:-3}
IDLE=${IDLE:-10000}
ONLY=${ONLY:-speed hello memory}
# Where hearken listens, plain and over TLS; the others have the ports above. Below those that the system gives to clients.
PLAIN=14080
TLS=14443
# The descriptors that a server keeps for other things than connections.
RESERVED_FILES=1024

command -v wrk >/dev/null || { echo 'wrk is not installed' >&2; exit 1; }
work=$(mktemp -d)
# nginx reads the files as another user.
chmod 755 "$work"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

cargo build --release --bin hearken
# Where cargo puts what it builds.
target=${CARGO_TARGET_DIR:-target}
hearken=$(realpath "$target/release/hearken")

mkdir "$work/www" "$work/run"
head -c 1024 /dev/urandom >"$work/www/1KiB"
head -c 102400 /dev/urandom >"$work/www/100KiB"
head -c 104857600 /dev/urandom >"$work/www/100MiB"
(cd "$work" && "$hearken" --make-certs 2>/dev/null)
cert=$work/certs/localhost.pem key=$work/certs/localhost-key.pem authority=$work/certs/ca.pem

wanted() { [[ " $ONLY " == *" $1 "* ]]; }

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

# Checks that the file is served, so that no error response is measured.
expect() {
    local name=$1 url=$2 size=$3 got
    got=$(curl -sk -o /dev/null -w '%{http_code} %{size_download}' "$url")
    [ "$got" = "200 $size" ] || { echo "$name answers $got to $url" >&2; exit 1; }
}

# One run of wrk: requests a second (MiB a second for the large file), and the latencies p50 and p99 in milliseconds, or 0
# if too few responses were complete.
measure() {
    wrk -t2 -c"$2" -d"${SECONDS_EACH}s" --timeout 30s --latency "$1" | awk -v url="$1" '
        function milliseconds(time) {
            return time + 0 ? time * (time ~ /us$/ ? 0.001 : time ~ /ms$/ ? 1 : time ~ /m$/ ? 60000 : 1000) : 0
        }
        $1 == "50%" { p50 = milliseconds($2) }
        $1 == "99%" { p99 = milliseconds($2) }
        /Requests\/sec/ { requests = $2 }
        /Transfer\/sec/ {
            number = $2; unit = $2; gsub(/[0-9.]/, "", unit); sub(/[A-Z]+/, "", number)
            factor["B"] = 1; factor["KB"] = 1024; factor["MB"] = 1048576; factor["GB"] = 1073741824
            bytes = number * factor[unit]
        }
        END { printf "%.0f %.3f %.3f\n", url ~ /100MiB/ ? bytes / 1048576 : requests, p50, p99 }'
}

# The median of a column.
median() { awk -v column="${1:-1}" '{ print $column }' | sort -n | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a && b) printf "%.2f", a / b; else print "–" }'; }

# Two latencies in milliseconds, with their significant digits.
latency() {
    awk -v a="$1" -v b="$2" '
        function rounded(time) { return sprintf(time < 10 ? "%.2f" : time < 100 ? "%.1f" : "%.0f", time) }
        BEGIN { print b ? rounded(a) " / " rounded(b) : "–" }'
}

# The heads of two tables, for speeds and latencies, into $work/run/speeds and $work/run/latencies, for these servers, hearken
# first.
heads() {
    local header="connections | hearken |" rule="|---|---|---|"
    for server in "${@:2}"; do header+=" $server | ratio |" rule+="---|---|"; done
    printf '| | %s\n%s\n' "$header" "$rule" >"$work/run/speeds"
    printf '| p50 / p99 in ms | %s\n%s\n' "$header" "$rule" >"$work/run/latencies"
}

# One row of each: what it is, the connections, and NAME=URL for each server. They are measured in turn; the figures are the
# medians over the rounds, and hearken's ratio to each other server.
row() {
    local what=$1 connections=$2 figures
    shift 2
    for server in "$@"; do : >"$work/run/${server%%=*}.figures"; done
    for _ in $(seq "$ROUNDS"); do
        for server in "$@"; do measure "${server#*=}" "$connections" >>"$work/run/${server%%=*}.figures"; done
    done
    local speeds="| $what | $connections |" latencies="| $what | $connections |" own_speed='' own_p99='' speed p50 p99
    for server in "$@"; do
        figures=$work/run/${server%%=*}.figures
        speed=$(median 1 <"$figures") p50=$(median 2 <"$figures") p99=$(median 3 <"$figures")
        speeds+=" $(printf %.0f "$speed") |"
        latencies+=" $(latency "$p50" "$p99") |"
        if [ -n "$own_speed" ]; then
            speeds+=" $(ratio "$own_speed" "$speed") |" latencies+=" $(ratio "$own_p99" "$p99") |"
        else
            own_speed=$speed own_p99=$p99
        fi
    done
    echo "$speeds" >>"$work/run/speeds"
    echo "$latencies" >>"$work/run/latencies"
}

# Both tables, below what they show.
tables() {
    echo "wrk on the same machine; medians of $ROUNDS rounds of $SECONDS_EACH s, the servers in turn."
    echo "$1 The ratio is hearken's figure to that of the server before it."
    echo
    cat "$work/run/speeds"
    echo
    echo "Latencies of the same runs; the ratio is that of the p99s, and less is better.$2"
    echo
    cat "$work/run/latencies"
}

speed() {
    local names=(hearken)
    start "$PLAIN" "$hearken" --access-log off --port "$PLAIN" "$work/www"
    start "$TLS" "$hearken" --access-log off --port "$TLS" --tls-cert "$cert" --tls-key "$key" "$work/www"
    if command -v nginx >/dev/null; then
        names+=(nginx)
        cat >"$work/nginx.conf" <<CONF
daemon off; worker_processes 2; pid $work/run/nginx.pid; error_log $work/run/nginx.log;
events { worker_connections 4096; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
    open_file_cache max=1000 inactive=60s; open_file_cache_valid 30s; open_file_cache_min_uses 1;
    client_body_temp_path $work/run; proxy_temp_path $work/run; fastcgi_temp_path $work/run;
    uwsgi_temp_path $work/run; scgi_temp_path $work/run;
    server {
        listen 127.0.0.1:$((PLAIN + 1)); listen 127.0.0.1:$((TLS + 1)) ssl; root $work/www;
        ssl_certificate $cert; ssl_certificate_key $key; ssl_session_cache shared:s:1m;
    }
}
CONF
        start $((PLAIN + 1)) nginx -c "$work/nginx.conf" -p "$work"
    fi
    if command -v static-web-server >/dev/null; then
        names+=(static-web-server)
        start $((PLAIN + 2)) static-web-server --root "$work/www" --host 127.0.0.1 --port $((PLAIN + 2)) --log-level error \
            --compression false --cache-control-headers false
        start $((TLS + 2)) static-web-server --root "$work/www" --host 127.0.0.1 --port $((TLS + 2)) --log-level error \
            --compression false --cache-control-headers false --http2 true --http2-tls-cert "$cert" --http2-tls-key "$key"
    fi
    declare -A place=([hearken]=0 [nginx]=1 [static-web-server]=2)
    heads "${names[@]}"
    for suffix in '' ', TLS'; do
        local servers=()
        for name in "${names[@]}"; do
            if [ -z "$suffix" ]; then
                servers+=("$name=http://127.0.0.1:$((PLAIN + place[$name]))")
            else
                servers+=("$name=https://127.0.0.1:$((TLS + place[$name]))")
            fi
            expect "$name" "${servers[-1]#*=}/100KiB" 102400
        done
        for path in 1KiB 100KiB 100MiB; do
            for connections in 4 32 128; do row "$path$suffix" "$connections" "${servers[@]/%//$path}"; done
        done
    done
    tables 'Requests a second; MiB a second for 100 MiB.' ' Where a – is, too few answers were complete.'
}

hello() {
    local axum=$target/axum/release/hello-axum servers=("hearken=http://127.0.0.1:$((PLAIN + 3))/hello") names=(hearken)
    start $((PLAIN + 3)) "$hearken" --access-log off --demo --port $((PLAIN + 3)) "$work/www"
    if cargo build --release --manifest-path benches/axum/Cargo.toml --target-dir "$target/axum" >&2; then
        start $((PLAIN + 4)) "$axum" $((PLAIN + 4))
        servers+=("axum=http://127.0.0.1:$((PLAIN + 4))/hello") names+=('axum 0.8')
    else
        echo 'axum cannot be built: /hello is measured without it' >&2
    fi
    for server in "${servers[@]}"; do expect "${server%%=*}" "${server#*=}" 13; done
    heads "${names[@]}"
    for connections in 4 32 128; do row '`GET /hello`' "$connections" "${servers[@]}"; done
    tables 'Requests a second.' ''
}

# A number from the status of a process.
status() { awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"; }

# How many sockets a process has open, each counted once however many descriptors it has.
sockets() { find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | sort -u | wc -l; }

# One number divided by another, to one digit.
divide() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / b }'; }

# Two rows: what idle connections take, and how a server fares beside them. What they are, the rest of idle's arguments, and
# the server's.
idle_rows() {
    local what=$1 scheme=$2 port=$((PLAIN + 5)) limit most pid before before_sockets opened after held
    limit=$(ulimit -n)
    most=$((limit - RESERVED_FILES - 100))
    [ "$most" -lt "$IDLE" ] || most=$IDLE
    shift 2
    start "$port" "$hearken" --access-log off --demo --max-connections "$limit" --idle-timeout 0 --port "$port" "$@" "$work/www"
    pid=${pids[-1]}
    # What is allocated for the first connections does not count as the idle ones'.
    curl -sk -o /dev/null "$scheme://127.0.0.1:$port/hello"
    sleep 0.5
    before=$(status "$pid" VmRSS) before_sockets=$(sockets "$pid")
    local arguments=("$port" "$most")
    [ "$scheme" = http ] || arguments+=("$authority")
    coproc CLIENT { exec "$idle" "${arguments[@]}"; }
    local client=$CLIENT_PID
    pids+=("$client")
    read -r opened <&"${CLIENT[0]}"
    after=$(status "$pid" VmRSS)
    # The client's own count of open connections proves nothing.
    held=$(($(sockets "$pid") - before_sockets))
    [ "$held" -ge "$opened" ] || { echo "only $held of $opened connections are open: IDLE sets how many there are" >&2; exit 1; }
    echo "| resident memory for each of $opened idle $what | $(divide $((after - before)) "$opened") KiB |"
    echo "| threads of the server beside them | $(status "$pid" Threads) |"
    read -r requests _ p99 < <(measure "$scheme://127.0.0.1:$port/hello" 32)
    echo "| \`GET /hello\` beside them, 32 connections | $requests requests a second, p99 $(printf %.2f "$p99") ms |"
    kill "$client" "$pid" 2>/dev/null || true
    wait "$client" "$pid" 2>/dev/null || true
}

# A row: how long a stop takes if there is nothing to wait for.
stop_row() {
    local port=$((PLAIN + 5)) most=1000 pid client begun opened
    : >"$work/run/stop"
    for _ in $(seq 5); do
        start "$port" "$hearken" --access-log off --demo --idle-timeout 0 --port "$port" "$work/www"
        pid=${pids[-1]}
        coproc CLIENT { exec "$idle" "$port" "$most"; }
        client=$CLIENT_PID
        pids+=("$client")
        read -r opened <&"${CLIENT[0]}"
        [ "$opened" = "$most" ] || { echo "only $opened of $most connections are open" >&2; exit 1; }
        begun=$(date +%s%N)
        kill "$pid"
        wait "$pid"
        echo $((($(date +%s%N) - begun) / 100000)) >>"$work/run/stop"
        kill "$client"
        wait "$client" 2>/dev/null || true
    done
    echo "| stop, with $most idle connections open | $(divide "$(median <"$work/run/stop")" 10) ms |"
}

memory() {
    local port=$((PLAIN + 5)) begun pid idle
    cargo bench --no-run --bench idle >"$work/idle.log" 2>&1 || { cat "$work/idle.log" >&2; exit 1; }
    idle=$(sed -n 's/.*(\(.*idle-[^)]*\)).*/\1/p' "$work/idle.log")
    echo "wrk on the same machine."
    echo
    echo "| | |"
    echo "|---|---|"
    : >"$work/run/start" && : >"$work/run/rss"
    for _ in $(seq 11); do
        begun=$(date +%s%N)
        "$hearken" --access-log off --demo --port "$port" "$work/www" >/dev/null 2>&1 &
        pid=$!
        pids+=("$pid")
        until { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; do :; done
        printf 'GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
        read -r _ <&3
        echo $((($(date +%s%N) - begun) / 100000)) >>"$work/run/start"
        exec 3>&-
        status "$pid" VmRSS >>"$work/run/rss"
        kill "$pid"
        wait "$pid" 2>/dev/null || true
    done
    echo "| start to first answer | $(divide "$(median <"$work/run/start")" 10) ms |"
    echo "| resident memory when idle | $(divide "$(median <"$work/run/rss")" 1024) MiB |"
    echo "| \`hearken\`, stripped | $(divide "$(stat -c %s "$hearken")" 1048576) MiB |"
    stop_row
    idle_rows connections http
    idle_rows 'TLS connections' https --tls-cert "$cert" --tls-key "$key"
}

# Not in a pipe, so that the trap ends what they start.
for section in speed hello memory; do
    if wanted "$section"; then
        "$section" >"$work/$section"
        bash benches/publish.sh "$section" bench <"$work/$section"
    fi
done
