#!/bin/bash
# SPDX-License-Identifier: MIT
# Outputs too large for Redis are objects in a bucket that live as long as a run needs them, while all processes die.
. "$(dirname "$0")/lib.sh"
program helpers/s3_server
S3=$PROGRAM
objects=$TREADLE_TEST_TMP/objects
mkdir "$objects"
echo 'very+secret/key' >"$TREADLE_TEST_TMP/key"
start_bucket() { # [PORT]: the same one once more
	start bucket "$S3" "$objects" big-values reader 'very+secret/key' eu-west-1 "$@"
	BUCKET=$PID
	until_started "$PID" "log_of $PID | grep -q ."
	port=$(log_of "$PID")
}
start_bucket
export TREADLE_WORKER_LEASE=1s TREADLE_BLOBS_BUCKET=big-values TREADLE_BLOBS_REGION=eu-west-1
export TREADLE_BLOBS_ENDPOINT=http://127.0.0.1:$port TREADLE_BLOBS_PREFIX=treadle/
export TREADLE_BLOBS_ACCESS_KEY=reader TREADLE_BLOBS_SECRET_KEY_FILE=$TREADLE_TEST_TMP/key
export TREADLE_BLOBS_INLINE_MAX=1KiB TREADLE_BLOBS_COLLECT=100ms
export TREADLE_COORDINATOR_RETENTION_RUNS=1000
start_redis --appendfsync always
start_coordinator
start_worker
cat >"$TREADLE_TEST_TMP/big.yaml" <<YAML
name: big
input: {type: object}
steps:
  make:
    exec:
      command: [sh, -c, 'yes "\$0" | tr -d "\n" | head -c "\$1"', "\${.input.seed}", "\${.input.bytes}"]
      output: text
  again:
    needs: make
    pass: {value: "\${.steps.make.output}"}
  count:
    needs: [make, again]
    exec:
      command: [sh, -c, "wc -c | tr -d ' '"]
      stdin: "\${.steps.make.output}\${.steps.again.output}"
      env: {SECRETS: "\${.input.seed}"}
output: \${.steps.count.output}
YAML
sed '/^output:/s/count/again/' "$TREADLE_TEST_TMP/big.yaml" >"$TREADLE_TEST_TMP/all.yaml"
objects() { find "$objects" -type f | grep -c .; }
fault() { echo "$*" >"$objects.fault"; } # WORD TIMES
met() { grep -c "$1" "$objects.log"; }
submit() { # SEED BYTES [FILE]
	run=$(treadle submit "${3:-$TREADLE_TEST_TMP/big.yaml}" -i seed="$1" -i bytes="$2") ||
		fail 'the run was not submitted'
}
output() { ask status "$run" | jq -c "${1:-.output}"; }
step() { ask status "$run" | jq -c --arg step "$1" ".steps[] | select(.step == \$step) | $2"; }

submit abc 500
until_state "$run" done 60
is 'a small output is in Redis' "$(objects) $(output)" '0 1000'
submit abc 500000
until_state "$run" done 60
is 'a large one is an object, equal ones are one' "$(objects) $(output)" '1 1000000'
ok 'Redis has little of it' [ "$(redis MEMORY USAGE "treadle:{0}:out:$run")" -lt 2000 ]
name=$(step make .blob | tr -d '"')
is 'which is named by its content' "$(basename "$objects"/*)" \
	"treadle!${name:0:2}!${name:2:2}!$name"
is 'and has it' "$(sha256sum <"$(echo "$objects"/*)" | cut -c 1-64)" "${name%-*}"
first=$run
submit abc 500000
until_state "$run" done 60
treadle forget "$first" >/dev/null
is 'it stays while a run needs it' "$(redis ZCARD 'treadle:{0}:garbage') $(objects)" '0 1'
treadle retry "$run" --from count >/dev/null
until_state "$run" done 60
is 'it can be read again' "$(output)" 1000000
treadle forget "$run" >/dev/null
wait_until '[ "$(objects)" = 0 ]'
ok 'it goes with the last one' true

submit abc 3000 "$TREADLE_TEST_TMP/all.yaml"
until_state "$run" done 60
is 'the output of a run may be an object' \
	"$(treadle status "$run" --output | jq -r . | wc -c)" 3001
is 'who knows no bucket is told which' \
	"$(TREADLE_BLOBS_BUCKET='' TREADLE_BLOBS_ENDPOINT='' TREADLE_BLOBS_ACCESS_KEY='' \
		treadle status "$run" --output | jq -c .)" \
	"{\"blob\":$(step output .blob),\"bytes\":3003}"
fault corrupt 1
like 'a damaged one is not given' "$(treadle status "$run" --output 2>&1)" damaged
like 'a wrong key is named' \
	"$(TREADLE_BLOBS_SECRET_KEY=other TREADLE_BLOBS_SECRET_KEY_FILE='' \
		treadle status "$run" --output 2>&1)" 'SignatureDoesNotMatch: blobs.secret_key'
rm "$objects"/*
like 'one that was deleted is named' "$(treadle status "$run" --output 2>&1)" \
	'NoSuchKey: it was deleted.*--from STEP'
treadle retry "$run" --from make >/dev/null
until_state "$run" done 60
is 'and made anew' "$(treadle status "$run" --output | jq -r . | wc -c)" 3001
is 'the doctor is content' "$(treadle doctor --json | jq -r '.id // empty' | xargs)" ''
is 'or says what is wrong' \
	"$(TREADLE_BLOBS_REGION=us-east-1 treadle doctor --json | jq -r '.id // empty' | xargs)" \
	blobs-unreachable

# What may pass is tried again, or the step is.
fault lost 3
submit lost 5000
until_state "$run" done 60
is 'an answer that is lost costs nothing' "$(output) $(met ' lost$')" '10000 3'
fault cut 1
treadle retry "$run" --from count >/dev/null
until_state "$run" done 60
is 'nor does half an object' "$(output) $(met ' cut$')" '10000 1'
fault 503 2
submit slow 5000
until_state "$run" done 60
is 'nor does a busy bucket' "$(output) $(met ' 503 ')" '10000 2'
fault short 1
treadle retry "$run" --from count >/dev/null
until_state "$run" done 60
is 'nor, but a try, does a damaged one' "$(output)" 10000

# Everybody dies, in the midst of putting.
fault hang 99
submit dies 5000
wait_until '[ "$(met " hang$")" -ge 1 ]'
crash "$WORKER"
crash "$COORDINATOR"
kill_redis
crash "$BUCKET"
rm "$objects.fault"
restart_redis
start_bucket "$port"
start_coordinator
start_worker
until_state "$run" done 60
is 'when all die, it is recovered' "$(output)" 10000
stop "$WORKER"
TREADLE_CRASH_AT=after-blob start_worker
submit written 5000
wait_until '! is_running "$WORKER"'
reap "$WORKER"
start_worker
until_state "$run" done 60
is 'an object that was put, and not committed, is there once' "$(output)" 10000

# In the midst of removing.
stop "$WORKER"
for run in $(treadle list --json | jq -r .run); do
	treadle forget "$run" >/dev/null
done
fault hang 1
start_worker
wait_until '[ ! -e "$objects.fault" ]'
crash "$WORKER"
start_worker
wait_until '[ "$(objects)" = 0 ]'
is 'nothing is left of any' "$(redis EXISTS 'treadle:{0}:blobs')" 0

# Who is stopped does not wait for a bucket that is silent.
stop "$WORKER"
TREADLE_WORKER_GRACE=100ms start_worker
fault hang 99
submit stopped 5000
wait_until 'grep -q "hang 9[0-8]" "$objects.fault"'
stop "$WORKER"
rm -f "$objects.fault"
start_worker
until_state "$run" done 60
is 'a worker that is stopped does not wait for it' \
	"$(output) $(step make '[.blob, .attempt]') $(step again .output_bytes)" '10000 [null,1] 5003'
stop "$WORKER"

TREADLE_BLOBS_TIMEOUT=300ms start_worker
fault hang 99
submit silent 5000
until_state "$run" done 60
is 'what a silent bucket does not take is kept in Redis' \
	"$(output) $(step make .blob)" '10000 null'
like 'as the log says' "$(log_of "$WORKER")" 'output kept in redis.*blobs.timeout'
rm "$objects.fault"
stop "$WORKER"

TREADLE_BLOBS_SECRET_KEY=wr0ng-key TREADLE_BLOBS_SECRET_KEY_FILE='' start_worker
submit wrong 5000
until_state "$run" done 60
is 'nor what it refuses' "$(output) $(step make .blob)" '10000 null'
like 'and why' "$(log_of "$WORKER")" 'SignatureDoesNotMatch: blobs.secret_key'
unlike 'the key is shown to nobody' \
	"$(log_of "$WORKER"; treadle config --explain; TREADLE_BLOBS_SECRET_KEY=wr0ng-key treadle config --explain)" \
	'wr0ng-key|very.secret'
stop "$WORKER"
crash "$BUCKET"
start_worker
submit absent 5000
until_state "$run" done 60
is 'an absent bucket costs nothing but memory' "$(output) $(step make .blob)" '10000 null'
doctor_says_well 'the data is well all the same' --data
done_testing
