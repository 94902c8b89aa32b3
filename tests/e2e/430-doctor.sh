#!/bin/bash
# SPDX-License-Identifier: MIT
# The doctor names each damage that is done to the data, and nothing else.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
. "$(dirname "$0")/doctor.sh"
P='treadle:{0}'
start_redis
start_coordinator
start_worker

# What there is: runs of every state, one step in each place.
cat >"$files/held.yaml" <<END
name: held
steps:
  hold: {exec: {command: [sh, -c, 'until [ -e "\$0" ]; do sleep 0.05; done', "$files/gate"]}}
END
cat >"$files/apart.yaml" <<'END'
name: apart
steps:
  first: {queue: apart, pass: {value: 1}}
  second: {needs: first, pass: {value: 2}}
END
cat >"$files/asks.yaml" <<'END'
name: asks
steps:
  soon: {wait: {signal: soon, timeout: 9h}}
  ever: {wait: {signal: ever}}
  next: {needs: ever, wait: {signal: next}}
END
sed 's/^name: stuck/name: late\ndeadline: 1h/' "$stuck" >"$files/late.yaml"
done=$(treadle submit "$good" --key order-1)
bad_run=$(treadle submit "$bad")
delayed=$(treadle submit "$files/late.yaml")
held_run=$(treadle submit "$files/held.yaml")
ready=$(treadle submit "$files/apart.yaml")
asks=$(treadle submit "$files/asks.yaml")
gone=$(treadle submit "$one")
until_state "$done" done
until_state "$bad_run" failed
until_state "$gone" done
wait_until '[ "$(step_field "$delayed" long state)" = delayed ]'
wait_until '[ "$(step_field "$held_run" hold state)" = running ]'
wait_until '[ "$(step_field "$asks" soon state)" = parked ] &&
	[ "$(step_field "$asks" ever state)" = parked ]'
treadle signal "$asks" next 2>/dev/null
treadle cancel "$(treadle submit "$files/apart.yaml")" 2>/dev/null
is 'a system at work is well, but for a queue that nobody takes from' \
	"$(treadle doctor --json | jq -r '.id // empty')" queue-unserved
crash "$WORKER"
crash "$COORDINATOR"
touch "$files/gate"
# Its lease outlasts this test, however slow that is.
worker=$(redis ZRANGE "$P:workers" 0 0)
redis ZADD "$P:workers" 9999999999999 "$worker" >/dev/null

keep
is 'and so is what it leaves when it is killed' "$(ids)" ''

field() { redis HGET "$P:run:$1" "$2"; }
entry_of() { field "$1" "step:$2" | cut -d ' ' -f 4; } # RUN STEP
held=$(entry_of "$held_run" hold)
waiting=$(entry_of "$ready" first)
letter=$(field "$bad_run" dead:ship)
definition=$(field "$done" def)

# Runs
harm run-unreadable HSET "$P:run:$done" state nonsense
left run-unreadable
harm run-unreadable HSET "$P:run:$done" step:first 'done twice'
left run-unreadable
harm 'counters-wrong run-unindexed' ZREM "$P:runs:done" "$done"
left
harm run-unindexed ZADD "$P:runs:done" 7 "$done"
left
harm 'counters-wrong index-stray' ZADD "$P:runs:failed" 0 "$done"
left
harm 'counters-wrong index-stray' ZADD "$P:runs:done" 0 \
	01m80000000000000000000000
left
harm finished-wrong ZREM "$P:finished" "$done"
left
harm finished-wrong ZADD "$P:finished" 7 "$done"
left
harm finished-wrong ZADD "$P:finished" 7 "$held_run"
left
harm deadline-wrong ZREM "$P:delayed" "$delayed/"
left
harm deadline-wrong HDEL "$P:run:$delayed" deadline_at
left
harm left-wrong HSET "$P:run:$ready" state 'running 1'
left
harm needs-wrong HSET "$P:run:$ready" step:second 'waiting 2'
left
harm 'entry-stray run-stuck step-nowhere' HDEL "$P:run:$ready" step:first
left
harm field-unknown HSET "$P:run:$done" colour red
left field-unknown
harm field-unknown HSET "$P:out:$done" colour red
left field-unknown
for field in colour ship ship/ ship/x ship/1/colour ship/1~x \
	ship/1~1/log colour/1; do
	harm field-unknown HSET "$P:log:$bad_run" "$field" red
done
left field-unknown
harm '' HSET "$P:log:$bad_run" ship/2~1 red

# Steps
harm step-nowhere XDEL "$P:queue:apart" "$waiting"
left
harm step-nowhere ZREM "$P:delayed" "$delayed/long"
left
harm step-nowhere ZREM "$P:delayed" "$asks/soon"
left
harm step-nowhere HDEL "$P:run:$asks" waits:ever
left
harm field-unknown HSET "$P:run:$asks" waits:next '{}'
left field-unknown
harm step-skipped XGROUP CREATE "$P:queue:apart" workers '$'
left
# It is only mended when its worker does not live.
harm step-unheld XACK "$P:queue:default" workers "$held"
left step-unheld
harm step-unheld EVAL "
	redis.call('XACK', '$P:queue:default', 'workers', '$held')
	redis.call('ZREM', '$P:workers', '$worker')
	redis.call('ZADD', '$P:lost', 9999999999999, '$worker')
	redis.call('HSET', '$P:worker:$worker', 'lost', 7)" 0
left
harm 'pending-stray step-unheld' XDEL "$P:queue:default" "$held"
left step-unheld
harm 'entry-stray run-contradiction run-stuck' HSET "$P:run:$held_run" \
	step:hold "cancelled 1 0 $held"
left run-contradiction run-stuck
harm output-missing HDEL "$P:out:$done" first
left output-missing
harm output-stray HSET "$P:out:$ready" second x
left output-stray
harm letter-missing XDEL "$P:dead" "$letter"
left

# Queues
harm entry-stray XADD "$P:queue:default" '*' run "$done" step first
left
harm entry-stray XADD "$P:queue:default" '*' colour red
left
harm 'group-missing step-unheld' XGROUP DESTROY \
	"$P:queue:default" workers
left step-unheld
harm consumer-stray XGROUP CREATECONSUMER "$P:queue:default" workers nobody
left
harm queue-unlisted SREM "$P:queues" apart
left
harm paused-stray SADD "$P:paused" nothing
left

# What waits for a time, dead letters, keys of idempotency
harm delayed-stray ZADD "$P:delayed" 7 "$done/first"
left
harm delayed-stray ZADD "$P:delayed" 7 nonsense
left
harm delayed-stray ZADD "$P:delayed" 7 "$asks/ever"
left
harm letter-stray XADD "$P:dead" '*' run "$done" step first
left
harm key-stray HSET "$P:keys" order-2 "$done 7"
left
harm key-missing HDEL "$P:keys" order-1
left key-missing

# Definitions, workers, totals
harm definition-count HSET "$P:def:$definition" runs 7
left
harm 'definition-count definition-unlisted' HSET "$P:def:$definition" runs 0
left
harm definition-missing HDEL "$P:def:$definition" graph
left definition-missing
harm 'definition-count definition-missing workflow-count' \
	DEL "$P:def:$definition"
left definition-count definition-missing workflow-count
harm workflow-count HSET "$P:workflows" good 7
left workflow-count
harm workflow-count HSET "$P:workflows" good red
harm workflow-count HSET "$P:workflows" nothing 1
harm 'recent-wrong workflow-count' HDEL "$P:workflows" good
harm recent-wrong DEL "$P:recent:good"
left
harm run-unlisted LSET "$P:recent:good" 0 "$gone"
found() { treadle list --workflow good --json | jq -r .run; }
is 'a run is not found where it is not listed' "$(found)" ''
left
is 'and then it is' "$(found)" "$done"
for element in red "$done $gone $done" "${done}x" "below $done" \
	"$gone 00000000000000000000000000"; do
	harm recent-wrong RPUSH "$P:recent:good" "$element"
done
left
harm '' LPUSH "$P:recent:good" "below $done"
harm '' EVAL "redis.call('DEL', '$P:recent:good')
	redis.call('RPUSH', '$P:recent:good', 'below $done')" 0
harm '' RPUSH "$P:recent:good" "$done $gone"
harm recent-wrong RPUSH "$P:recent:nothing" "$done"
left recent-wrong
for field in suspect busy lease_ms colour; do
	harm worker-unreadable HSET "$P:worker:$worker" "$field" red
done
left worker-unreadable
harm worker-unreadable HSET "$P:worker:$worker" suspect "$held $held_run"
harm '' HSET "$P:worker:$worker" suspect "$held $held_run/hold"
harm 'pending-unwatched step-unwatched' EVAL "
	redis.call('DEL', '$P:worker:$worker', '$P:workers')" 0
left
harm 'pending-unwatched worker-stray' DEL "$P:worker:$worker"
left
harm worker-stray ZADD "$P:stop:nobody" 7 "$held"
left
harm counters-wrong HINCRBY "$P:counters" submitted 1
left
harm bell-wrong EVAL "for i = 1, 2 do
	redis.call('XADD', '$P:timer', '*', 'due', i) end" 0
left bell-wrong

# What a coordinator would have done
leads() { echo "redis.call('SET', '$P:lead:reclaim', 'x', 'PX', 600000)"; }
harm delayed-overdue EVAL "$(leads)
	redis.call('ZADD', '$P:delayed', 1, '$delayed/long')" 0
left delayed-overdue
harm '' ZADD "$P:delayed" 1 "$delayed/long"
harm worker-overdue EVAL "$(leads)
	redis.call('ZADD', '$P:workers', 1, '$worker')" 0
left worker-overdue
harm worker-overdue EVAL "$(leads)
	redis.call('ZREM', '$P:workers', '$worker')
	redis.call('ZADD', '$P:lost', 1, '$worker')
	redis.call('HSET', '$P:worker:$worker', 'lost', 7)" 0
harm '' ZADD "$P:workers" 1 "$worker"

# Keys
harm key-unknown SET "$P:colour" red
left key-unknown
harm key-unknown SET treadle:colour red
left key-unknown
harm '' SET colour red
left
harm key-orphan HSET "$P:log:01m80000000000000000000000" a b
left
harm key-expires EXPIRE "$P:run:$done" 1000
left
harm key-expires EXPIRE "$P:queue:apart" 1000
left
harm 'key-type step-nowhere' EVAL "
	redis.call('SET', '$P:queue:apart', 'red')" 0
left key-type step-nowhere
harm lead-stuck SET "$P:lead:promote" nobody
left
harm 'blob-unheld' EVAL "
	redis.call('HSET', '$P:run:$done', 'blobs', 1)
	redis.call('SADD', '$P:blobs:$done', 'ab')" 0
left blob-unheld
harm '' EVAL "
	redis.call('HSET', '$P:run:$done', 'blobs', 1)
	redis.call('SADD', '$P:blobs:$done', 'ab')
	redis.call('HSET', '$P:blobs', 'ab', '$done 1')" 0
harm 'blob-unheld key-orphan' SADD "$P:blobs:01m80000000000000000000000" ab
left
harm cache-endless SET "$P:cache:0" x
left
harm '' SET "$P:cache:0" x EX 1000

restore
redis ZREM "$P:runs:done" "$done" >/dev/null
like 'a dry run says what would be mended' \
	"$(treadle doctor --data --dry-run 2>/dev/null)" \
	"would mend run-unindexed: run $done"
is 'and mends nothing' "$(ids)" 'counters-wrong run-unindexed'
done_testing
