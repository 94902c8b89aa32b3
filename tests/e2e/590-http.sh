#!/bin/bash
# SPDX-License-Identifier: MIT
# The HTTP server withstands what is no request for it.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
port=${COORDINATOR_URL##*:}
status_of() { # ARGUMENT... PATH
	curl -s --max-time 20 -o /dev/null -w '%{http_code}' "${@:1:$#-1}" \
		"$COORDINATOR_URL${!#}"
}
# raw TEXT: what the server says to these bytes
raw() {
	exec {conn}<>"/dev/tcp/127.0.0.1/$port"
	printf '%b' "$1" >&"$conn"
	timeout 20 head -n 1 <&"$conn" | tr -d '\r'
	exec {conn}>&-
}

wait_until '[ "$(status_of /readyz)" = 200 ]' 20
is 'an unknown path' "$(status_of /nothing)" 404
is 'a query is no part of the path' "$(status_of '/healthz?x=1')" 200
is 'POST is refused' "$(status_of -d x=1 /metrics)" 405
is 'so is DELETE' "$(status_of -X DELETE /metrics)" 405
is 'HEAD is answered' "$(status_of -I /metrics)" 200
like 'answers are not to be cached' "$(curl -sI "$COORDINATOR_URL/healthz")" \
	'no-store'
is 'a path upwards is unknown' "$(status_of --path-as-is /../healthz)" 404
is 'a very long path' "$(status_of "/$(printf 'x%.0s' {1..20000})" |
	sed 's/414\|431\|413/long/')" long
like 'rubbish' "$(raw 'rubbish\r\n\r\n')" '^(HTTP/1.[01] 400.*)?$'
is 'a GET with a body is hung up on or answered' "$(curl -s --max-time 20 \
	-X GET -d "$(printf 'x%.0s' {1..5000})" -o /dev/null -w '%{http_code}' \
	"$COORDINATOR_URL/healthz" | sed 's/000\|400\|413/refused/')" refused

# Many who connect and say nothing don't keep others out.
silent=()
for _ in {1..60}; do
	exec {conn}<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET /healthz HTTP/1.1\r\n' >&"$conn"
	silent+=("$conn")
done
is 'sixty silent ones' "$(status_of /healthz)" 200
for conn in "${silent[@]}"; do
	exec {conn}>&-
done

# Many at once cost Redis as much as one.
wait_until '[ "$(status_of /metrics)" = 200 ]'
calls() {
	redis INFO commandstats | grep -oE 'cmdstat_fcall_ro:calls=[0-9]+' |
		cut -d = -f 2
}
before=$(calls)
for _ in {1..40}; do
	echo "url = $COORDINATOR_URL/metrics"
	echo 'output = /dev/null'
done >"$TREADLE_TEST_TMP/forty"
ok 'forty scrapes' curl -s --max-time 20 --parallel --parallel-max 20 \
	-K "$TREADLE_TEST_TMP/forty"
after=$(calls)
note "$((after - before)) calls"
ok 'are a few calls' [ $((after - before)) -lt 10 ]
done_testing
