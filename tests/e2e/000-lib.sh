#!/bin/bash
# SPDX-License-Identifier: MIT
# The test library itself: a private Redis that comes, dies and comes again.
. "$(dirname "$0")/lib.sh"

start_redis
is 'Redis answers' "$(redis PING)" PONG
like 'its address is exported' "$TREADLE_REDIS_URL" '^unix:///.*redis\.sock$'
ok 'a key is set' redis SET colour red

first=$REDIS
kill_redis
ok 'killed means gone' eval "! is_running $first"
is 'and no server is left' "$REDIS" ''
restart_redis
is 'the append-only file brings the key back' "$(redis GET colour)" red

stop_redis
is 'a server that is told to stop exits well' "$STATUS" 0
restart_redis
is 'and comes back as well' "$(redis GET colour)" red

start counter bash -c 'trap "echo bye; exit 7" TERM; echo up; while :; do
	read -r -t 0.02 <>'"$TREADLE_TEST_TMP"'/pause; done'
counter=$PID
wait_until "log_of $counter | grep -q up"
stop "$counter"
is 'stop gives the exit status' "$STATUS" 7
like 'logs are kept' "$(log_of "$counter")" bye

# What must fail does fail, in a test of its own.
inner=$TREADLE_TEST_TMP/inner.sh
run_inner() {
	{
		echo ". '$ROOT/tests/e2e/lib.sh'"
		cat
	} >"$inner"
	# TERM is not inherited as ignored: the inner one traps by itself.
	TMPDIR=$TREADLE_TEST_TMP TREADLE_PATIENCE=1 bash "$inner" 2>&1
}

said=$(run_inner <<<'is "one" 1 2; done_testing')
is 'a wrong result fails the test' $? 1
like 'and says so' "$said" 'not ok 1 - one'
like 'and shows both' "$said" 'got: 1.*expected: 2'

said=$(run_inner <<<'ok "fine" true')
is 'a test without a plan fails' $? 1

said=$(run_inner <<<'start_redis; wait_until false 0; done_testing')
is 'waiting in vain fails the test' $? 1
like 'and says for what' "$said" 'not ok 1 - waited 0 s for: false'
like 'and shows the logs' "$said" '# --- redis\.0\.log'

said=$(run_inner <<<'ok x true; echo leak >"$reports.1"; done_testing')
is "a sanitizer's report fails the test" $? 1
like 'and is shown' "$said" '# leak'

said=$(run_inner <<<'skip_all "not today"')
is 'a skipped test is fine' $? 0
is 'and says why' "$said" '1..0 # SKIP not today'

said=$(run_inner <<<'start_redis; echo "pid $REDIS"; kill -TERM $$; pause')
is 'a test that is ended fails' $? 143
pid=$(grep -oE '^pid [0-9]+' <<<"$said" | cut -d ' ' -f 2)
ok 'and leaves no process' eval "[ -n '$pid' ] && ! is_running '$pid'"

said=$(run_inner <<<'TREADLE_BUILD=/nowhere; start_worker; done_testing')
is 'a program that is not there fails the test' $? 1
like 'and names it' "$said" 'there is no treadle-worker'
done_testing
