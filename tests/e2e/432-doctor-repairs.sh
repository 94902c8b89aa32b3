#!/bin/bash
# SPDX-License-Identifier: MIT
# What was damaged is mended while all is at work, by two doctors at once, and runs end.
. "$(dirname "$0")/lib.sh"
P='treadle:{0}'
RUNS=300
start_redis
start_coordinator
cat >"$TREADLE_TEST_TMP/flow.yaml" <<'YAML'
name: flow
steps:
  a: {pass: {value: 1}}
  b: {needs: [a], wait: {for: 100ms}}
  c: {needs: [a], queue: apart, pass: {value: 2}}
  d: {needs: [b, c], pass: {value: 3}}
YAML
yes '{}' | head -n $RUNS |
	treadle submit "$TREADLE_TEST_TMP/flow.yaml" --bulk - --quiet 2>/dev/null
start_worker
ids() { # STATE FIRST LAST
	redis ZRANGE "$P:runs:$1" "$2" "$3"
}
# The damage is one call, so that it is done all at once.
harm() {
	redis EVAL "
		local p = '$P:'
		local ids = redis.call('ZRANGE', p .. 'runs:running', 0, -1)
		for i, id in ipairs(ids) do
			local key = p .. 'run:' .. id
			local c = redis.call('HGET', key, 'step:c') or ''
			local entry = string.match(c, '^ready %d+ %d+ (%S+)')
			if i % 6 == 0 and entry then
				redis.call('XDEL', p .. 'queue:apart', entry)
			elseif i % 6 == 1 and entry then
				redis.call('HSET', key, 'step:d', 'waiting 9')
			elseif i % 6 == 2 then
				redis.call('ZREM', p .. 'runs:running', id)
			elseif i % 6 == 3 then
				redis.call('HSET', key, 'state', 'running 9')
			elseif i % 6 == 4 then
				redis.call('ZREM', p .. 'delayed', id .. '/b')
			else
				redis.call('XADD', p .. 'queue:default', '*',
					'run', id, 'step', 'd')
			end
		end
		redis.call('HSET', p .. 'counters', 'submitted', 7)
		redis.call('SREM', p .. 'queues', 'apart')
		return #ids" 0
}
wait_until '[ "$(redis XLEN "$P:queue:apart")" -gt 100 ]'
ok 'much is damaged' [ "$(harm)" -gt 100 ]
treadle doctor --repair >"$TREADLE_TEST_TMP/first" 2>&1 &
first=$!
treadle doctor --repair >"$TREADLE_TEST_TMP/second" 2>&1 || :
wait "$first" || :
mended=$(cat "$TREADLE_TEST_TMP/first" "$TREADLE_TEST_TMP/second" |
	grep -c '^mended')
ok "much is mended ($mended)" [ "$mended" -gt 100 ]
start_worker --worker-queues apart
wait_until '[ "$(redis ZCARD "$P:runs:done")" = $RUNS ]' 60
is 'each step is committed once' \
	"$(redis HGET "$P:counters" steps_done)" $((RUNS * 4))
doctor_says_well 'then all is well'
done_testing
