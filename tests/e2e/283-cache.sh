#!/bin/bash
# SPDX-License-Identifier: MIT
# The same work is not done twice: what it gave is kept, for whom it may be, while all processes die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/acts.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_CACHE_MAX=1KiB
export TREADLE_SECRET_ONE=first-secret TREADLE_SECRET_TWO=second-secret
start_redis --appendfsync always
start_coordinator
start_worker
# Performs the act NAME and prints how often that was done, or does as MODE says.
cat >"$TREADLE_TEST_TMP/count" <<'SH'
#!/bin/sh
"${0%/*}/act" "$1" "$2" >/dev/null
case $3 in fail) exit 65 ;; large) head -c 2000 /dev/zero | tr '\0' x; exit ;; esac
cat "$1/begun.$2".* | grep -c .
SH
chmod +x "$TREADLE_TEST_TMP/count"
times() { lines "$1" '*'; } # NAME

# flow NAME CACHE ARGUMENT... : a workflow with a cached step in front.
flow() {
	local argument arguments=
	for argument in "${@:3}"; do arguments="$arguments, \"$argument\""; done
	cat >"$TREADLE_TEST_TMP/$1.yaml" <<-YAML
		name: $1
		input: {type: object}
		steps:
		  call:
		    cache: $2
		    retry: {attempts: 1}
		    exec: {command: ["$TREADLE_TEST_TMP/count", "$ledger"$arguments]}
		  after: {needs: call, pass: {value: "\${.steps.call.output}"}}
		output: \${.steps.after.output}
	YAML
}
gives() { # NAME OUTPUT SUBMISSION...: what a run of it yields
	submit "${@:3}"
	until_state "$run" done 60
	is "$1" "$(ask status "$run" | jq -c .output)" "$2"
}

flow plain 1h call '${.input.n}'
gives 'a step is performed' 1 plain -i n=1
first=$run
gives 'and the same one is not' 1 plain -i n=1
is 'it says so' "$(step_field "$run" call cached)" true
is 'and whose it was' "$(step_field "$run" call cached_from)" "$first/call"
like 'for people, too' "$(treadle status "$run")" "cached, as $first/call gave it"
like 'and in the log' "$(log_of "$WORKER")" "cached, as $first/call gave it"
is 'what was performed says nothing' "$(step_field "$first" call cached)" null
gives 'other parameters are other work' 2 plain -i n=2
gives 'unless the cache is not wanted' 3 plain -i n=1 --no-cache
gives 'which others profit from' 3 plain -i n=1
is 'hits and misses are counted' "$(redis HMGET 'treadle:{0}:counters' \
	cache_hits cache_misses | tr '\n' ' ')" '2 3 '
wait_until 'curl -s "$COORDINATOR_URL/metrics" | grep -qx "treadle_cache_hits_total 2"'
ok 'and told' true
treadle retry "$run" --from call >/dev/null
until_state "$run" done 60
is 'who retries from a step wants it done' \
	"$(times call) $(step_field "$run" call cached)" '4 null'
run=$(treadle fork "$run" --from call)
until_state "$run" done 60
is 'and so does who forks it there' "$(times call)" 5
flow other 1h call '${.input.m}'
gives 'the same work of another workflow is the same' 5 other -i m=1

flow own '{key: "${.input.n}"}' own '${.input.noise}'
gives 'with a key of its own' 1 own -i n=1 -i noise=a
gives 'a step is known by that' 1 own -i n=1 -i noise=b
gives 'and no other' 2 own -i n=2 -i noise=a
gives 'without the key it is performed' 3 own -i noise=a
gives 'again and again' 4 own -i noise=a
flow computed '{key: "${[.input.n, 1] | add}", ttl: 1m}' computed
gives 'a key may be computed' 1 computed -i n=1
gives 'and is found' 1 computed -i n=1
sed 's/name: own/name: stranger/' "$TREADLE_TEST_TMP/own.yaml" \
	>"$TREADLE_TEST_TMP/stranger.yaml"
gives 'keys are of their workflow' 5 stranger -i n=1 -i noise=a

flow secret 1h secret '${secret:ONE}'
gives 'a step with a secret' 1 secret
gives 'is known' 1 secret
flow secret 1h secret '${secret:TWO}'
gives 'by the name of the secret' 2 secret
flow secret 1h secret '0ONE;'
gives 'which data is not' 3 secret
redis --scan --pattern '*cache*' | while read -r key; do
	redis --raw GET "$key"
done >"$TREADLE_TEST_TMP/kept"
ok 'no secret is kept' [ "$(grep -c 't-secret' "$TREADLE_TEST_TMP/kept")" = 0 ]

flow fails 1h fails fail
for _ in 1 2; do
	submit fails
	until_state "$run" failed 60
done
is 'a failure is not kept' "$(times fails)" 2
flow large 1h large large
for _ in 1 2; do
	submit large
	until_state "$run" done 60
done
is 'nor is what is too large' "$(times large)" 2
flow brief 1s brief
gives 'what is kept briefly' 1 brief
wait_until '! redis --scan --pattern "*:cache:*" | while read -r key; do
	redis --raw GET "$key"; done | grep -aq "$run"'
gives 'is gone then' 2 brief

cat >"$TREADLE_TEST_TMP/list.yaml" <<YAML
name: list
steps:
  call:
    for_each: [a, b, a]
    max_parallel: 1
    cache: 1h
    exec: {command: ["$TREADLE_TEST_TMP/count", "$ledger", "item-\${.item}"]}
output: \${.steps.call.output}
YAML
gives 'items that are the same are done once' '[1,1,1]' list
is 'as often as they differ' "$(times item-a) $(times item-b)" '1 1'
gives 'and in another run never' '[1,1,1]' list
is 'again' "$(times item-a) $(times item-b)" '1 1'

flow dies 1h dies
shut_gate dies
submit dies
wait_until '[ "$(times dies)" = 1 ]'
everything_dies
wait_until '[ "$(times dies)" = 2 ]'
open_gate dies
until_state "$run" done 60
gives 'what was recovered is known' 2 dies
is 'and was done under one key' "$(keys dies '*')" 1

stop "$WORKER"
dies() { # POINT TIMES: a worker dies there; how often the work was done after all
	TREADLE_CRASH_AT=$1 start_worker
	submit dies -i point="$1" ${3:-}
	wait_until '! is_running "$WORKER"'
	reap "$WORKER"
	start_worker
	until_state "$run" done 60
	is "$1: the work is done" "$(times dies)" "$2"
	stop "$WORKER"
}
dies before-recall 2
dies after-recall 2
redis --scan --pattern '*:cache:*' | xargs "${REDIS_CLI:-redis-cli}" \
	-s "$TREADLE_TEST_TMP/redis.sock" DEL >/dev/null
dies before-remember 3
start_worker
gives 'what was committed and not kept is done again' 4 dies
stop "$WORKER"
start_worker --log-level warn
gives 'where the log has warnings alone it is found, too' 4 dies
unlike 'and nothing is said of it' "$(log_of "$WORKER")" 'step done'
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
