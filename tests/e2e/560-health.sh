#!/bin/bash
# SPDX-License-Identifier: MIT
# Health, readiness and metrics tell the truth in bad times.
. "$(dirname "$0")/lib.sh"

get() { curl -s --max-time 20 "$COORDINATOR_URL$1"; }
status_of() {
	curl -s --max-time 20 -o /dev/null -w '%{http_code}' "$COORDINATOR_URL$1"
}
becomes() { # PATH STATUS
	wait_until "[ \"\$(status_of $1)\" = $2 ]" 30
}

# --- before there is a Redis
export TREADLE_REDIS_URL=unix://$TREADLE_TEST_TMP/redis.sock
start_coordinator
is 'without Redis it is healthy' "$(get /healthz)" ok
is 'but not ready' "$(status_of /readyz)" 503
like 'and says why' "$(get /readyz)" '"error":".*redis'
like 'its metrics say it too' "$(get /metrics)" 'treadle_redis_up 0'
is 'it can not tell how to scale' "$(status_of /scale)" 503

# --- good times
start_redis
becomes /readyz 200
is 'with Redis it is ready' "$(get /readyz)" ok
like 'metrics know it' "$(get /metrics)" 'treadle_redis_up 1'
cat >"$TREADLE_TEST_TMP/a.yaml" <<'YAML'
name: a
steps:
  a: {queue: images, pass: {value: 1}}
YAML
treadle submit "$TREADLE_TEST_TMP/a.yaml" >/dev/null
wait_until 'get /scale | grep -q images' 20
like 'scale counts what waits' "$(get /scale)" \
	'^\{.*"images":\{"waiting":1,"running":0,"oldest_ms":[0-9]+\}.*\}$'
wait_until 'get /metrics | grep -q "queue_waiting{queue=\"images\"} 1"' 20
like 'so do metrics' "$(get /metrics)" \
	'treadle_queue_oldest_seconds\{queue="images"\} [0-9.]+'
like 'runs are counted' "$(get /metrics)" 'treadle_runs\{state="running"\} 1'
like 'histograms end in infinity' "$(get /metrics)" \
	'treadle_late_seconds_bucket\{le="\+Inf"\} 0'
is 'every line is well formed' "$(get /metrics |
	grep -vE '^(# (HELP|TYPE) treadle_[a-z_]+ .+|treadle_[a-z_]+(\{[a-z]+="[^"]+"(,le="[^"]+")?\})? -?[0-9.]+)$')" ''
is 'no metric is there twice' "$(get /metrics | grep -v '^#' |
	sed 's/ [^ ]*$//' | sort | uniq -d)" ''
is 'the health check agrees' "$(TREADLE_COORDINATOR_LISTEN=${COORDINATOR_URL#http://} \
	"$TREADLE_BUILD/treadle-coordinator" --health >/dev/null; echo $?)" 0

# --- Redis stops answering
kill -STOP "$REDIS"
becomes /readyz 503
is 'a Redis that hangs: healthy' "$(status_of /healthz)" 200
is 'but not ready' "$(status_of /readyz)" 503
kill -CONT "$REDIS"
becomes /readyz 200

# --- Redis has no memory left
redis CONFIG SET maxmemory 1mb >/dev/null
becomes /readyz 503
like 'a full Redis: not ready, and says why' "$(get /readyz)" \
	'[Mm]emory|OOM'
is 'metrics still work' "$(status_of /metrics)" 200
redis CONFIG SET maxmemory 0 >/dev/null
becomes /readyz 200

# --- the functions are gone
redis FUNCTION FLUSH >/dev/null
wait_until 'redis FUNCTION LIST | grep -q treadle' 20
like 'a lost library is loaded again' "$(redis FUNCTION LIST)" treadle
becomes /readyz 200

# --- all is gone
redis FLUSHALL >/dev/null
becomes /readyz 200
run=$(treadle submit "$TREADLE_TEST_TMP/a.yaml")
wait_until 'get /scale | grep -q images' 20
like 'an emptied Redis is served on' "$(get /scale)" '"waiting":1'

# --- Redis dies and comes back
kill_redis
becomes /readyz 503
restart_redis
becomes /readyz 200
is 'outages are told once each' \
	"$(log_of "$COORDINATOR" | grep -c 'redis unreachable')" 2
stop "$COORDINATOR"
is 'it stops well' "$STATUS" 0

# --- and while Redis is away it stops as well
start_coordinator
becomes /readyz 200
kill -STOP "$REDIS"
stop "$COORDINATOR"
is 'even while Redis hangs' "$STATUS" 0
kill -CONT "$REDIS"
done_testing
