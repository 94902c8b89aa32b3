#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker goes on with the successor of what it has completed, under the same
# entry; dying or draining there loses nothing and repeats nothing.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis
start_coordinator
tmp=$TREADLE_TEST_TMP
# The effect: a line of the ledger. A step waits while its `.hold` exists.
cat >"$tmp/effect" <<'SH'
#!/bin/sh
echo "$TREADLE_STEP" >>"$1"
while [ -e "$1.$TREADLE_STEP.hold" ]; do sleep 0.02; done
echo 1
SH
chmod +x "$tmp/effect"
cat >"$tmp/flow.yaml" <<YAML
name: flow
steps:
  a: {exec: {command: ["$tmp/effect", "$tmp/ledger"]}}
  b: {needs: a, exec: {command: ["$tmp/effect", "$tmp/ledger"]}}
  c: {needs: b, pass: {value: "\${.steps.b.output}"}}
YAML
begin() { # STEP: a new run whose STEP is being held
	rm -f "$tmp/ledger"*
	touch "$tmp/ledger.$1.hold"
	run=$(treadle submit "$tmp/flow.yaml")
	wait_until "grep -q '^$1' $tmp/ledger"
}
record() { redis HGET "treadle:{0}:run:$run" "step:$1"; }
entry() { record "$1" | cut -d ' ' -f 4; }
proceed() { rm "$tmp/ledger.$1.hold"; }

start_worker
begin b
is 'the successor runs under the entry' "$(entry b)" "$(entry a)"
proceed b
until_state "$run" done
is 'and so does the last one' "$(entry c)" "$(entry a)"
is 'nothing is left in the queue' "$(redis XLEN 'treadle:{0}:queue:default')" 0

begin b
crash "$WORKER"
start_worker
wait_until '[ "$(grep -c b "$tmp/ledger")" = 2 ]'
proceed b
until_state "$run" done
is 'an heir that lost its worker is begun again, and only it' \
	"$(tr '\n' ' ' <"$tmp/ledger")" 'a b b '
is 'which is counted' "$(step_field "$run" b recoveries)" 1

begin a
kill -TERM "$WORKER"
wait_until 'log_of "$WORKER" | grep -q drain'
proceed a
reap "$WORKER"
is 'a draining worker commits what it did' "$STATUS,$(record a |
	cut -d ' ' -f 1)" 0,done
is 'and goes on with nothing' "$(record b | cut -d ' ' -f 1-3)" 'ready 0 0'
start_worker
until_state "$run" done
is 'another does, once' "$(tr '\n' ' ' <"$tmp/ledger")" 'a b '
is 'no recovery is counted' "$(step_field "$run" b recoveries)" 0
done_testing
