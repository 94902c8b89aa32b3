#!/bin/bash
# SPDX-License-Identifier: MIT
# The primary goes, Sentinels promote its replica, and all programs follow; bad Sentinels are named.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
. "$(dirname "$0")/sentinels.sh"

export TREADLE_WORKER_LEASE=20s TREADLE_REDIS_TIMEOUT=20s
start_nodes
start_sentinels
start_coordinator
start_worker

# A run whose first step goes on until its gate is open; what it did is counted.
cat >"$files/two.yaml" <<YAML
name: two
input: {type: object, properties: {gate: {type: string}}}
steps:
  hold:
    retry: {attempts: 1}
    recoveries: 0
    exec: {command: [sh, -c, 'echo x >>"\$0.begun"; while [ ! -e "\$0" ]; do sleep 0.02; done', "\${.input.gate}"]}
  after: {needs: [hold], pass: {value: 1}}
YAML
begin_run() { # GATE: the replicas have it too
	run=$(treadle submit "$files/two.yaml" -i gate="$files/$1") ||
		fail 'not submitted'
	wait_until "[ -e '$files/$1.begun' ]"
	wait_until '[ "$(step_field "$run" hold state)" = running ]'
	printf '%s\n' 'SET test:mark 1 PX 1' 'WAIT 2 0' | redis >/dev/null
}
end_run() { # GATE NAME
	touch "$files/$1"
	until_state "$run" done 60
	is "$2: the step that ran went on, and was done once" \
		"$(grep -c x "$files/$1.begun")" 1
}

# --- the primary dies
begin_run death
kill_node 1
program treadle
start patient "$PROGRAM" submit "$good"
patient=$PID
follow_failover
unlike 'death: another one is the primary' "$NODE" 1
reap "$patient"
is 'death: who submits meanwhile is patient' "$STATUS" 0
until_state "$(log_of "$patient")" done 60
end_run death death
wait_until '[ "$(redis CLIENT LIST | grep -c name=treadle-worker)" = 2 ]'
wait_until '[ "$(redis CLIENT LIST | grep -c name=treadle-coordinator)" = 2 ]'
ok 'death: both daemons have gone over' true

# --- it comes back, thinks that it leads, and is put right
start_node 1
ok 'return: nobody follows the old one' treadle submit "$good"
wait_until 'node 1 ROLE | grep -q slave' 60
until_replicas "$NODE" 2
wait_until '[ "$(redis ZCARD "treadle:{0}:runs:done")" = 3 ]'
ok 'return: all runs are where they were' true

# --- somebody orders another, while all are well
begin_run order
old=$NODE
wait_until 'sentinel 2 SENTINEL FAILOVER "$PRIMARY" | grep -q OK'
follow_failover
# Until the old one knows, it may take what will be lost: docs/FAULTS.md.
wait_until 'node "$old" ROLE | grep -q slave'
end_run order order
until_replicas "$NODE" 2
doctor_says_well 'the doctor finds nothing, and looks at the new primary'

# --- what is explained can be pasted
line=$(treadle status "$run" --explain)
like 'the line of --explain asks a Sentinel' "$line" 'SENTINEL GET-MASTER'
is 'and can be run' "$(bash -c "$line" | jq -r .state)" done

# --- Sentinels that are no good
crash "${sentinel_pids[1]}"
kill -STOP "${sentinel_pids[2]}"
ok 'one dead, one frozen: the third is enough' \
	treadle list --redis-connect-timeout 2s
kill -CONT "${sentinel_pids[2]}"
export TREADLE_REDIS_TIMEOUT=1s
refused 'a name that no Sentinel knows' 2 'knows no "nemo": correct the name' \
	treadle list --redis-url "redis+sentinel://127.0.0.1:${sentinel_ports[2]}/nemo"
refused 'nobody there' 6 'none of 2 sentinels is of use: cannot reach sentinel' \
	treadle list --redis-url redis+sentinel://127.0.0.1:1,127.0.0.1:2/nemo
refused 'a Redis is no Sentinel' 2 'it is none: name sentinels in --redis-url' \
	treadle list --redis-url "redis+sentinel://127.0.0.1:${node_ports[1]}/$PRIMARY"
refused 'a Sentinel is no Redis' 2 'is a sentinel: write redis\+sentinel://127' \
	treadle list --redis-url "redis://127.0.0.1:${sentinel_ports[2]}"
refused 'a web server is no Sentinel' 6 'sentinel at 127' treadle list \
	--redis-url "redis+sentinel://${COORDINATOR_URL#http://}/$PRIMARY"
refused 'a URL that names no primary' 2 'the name that they know the primary by' \
	treadle list --redis-url redis+sentinel://127.0.0.1
sentinel 3 ACL SETUSER default resetpass '>psst' >/dev/null
url=redis+sentinel://127.0.0.1:${sentinel_ports[3]}/$PRIMARY
refused 'a Sentinel wants a password' 2 'NOAUTH.*--redis-sentinel-password-file' \
	treadle list --redis-url "$url"
echo psst >"$files/password"
ok 'it is given one' treadle list --redis-url "$url" \
	--redis-sentinel-password-file "$files/password"
sentinel 3 -a psst --no-auth-warning ACL SETUSER guest on '>psst' \
	'+sentinel|get-master-addr-by-name' >/dev/null
sentinel 3 -a psst --no-auth-warning ACL SETUSER default off >/dev/null
export TREADLE_REDIS_SENTINEL_PASSWORD_FILE=$files/password
refused 'one that serves only who it knows' 2 'WRONGPASS.*--redis-sentinel-user' \
	treadle list --redis-url "$url"
ok 'it is told who asks' treadle list --redis-url "$url" \
	--redis-sentinel-user guest
TREADLE_REDIS_SENTINEL_USER=nobody refused 'somebody else' 2 WRONGPASS \
	treadle list --redis-url "$url"
unset TREADLE_REDIS_SENTINEL_PASSWORD_FILE

is 'nothing was recovered, nothing given up' \
	"$(redis HMGET 'treadle:{0}:counters' recoveries dead | xargs)" ''
done_testing
