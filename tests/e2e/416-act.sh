#!/bin/bash
# SPDX-License-Identifier: MIT
# cancel, retry, forget, pause and resume do what they say, or say why not.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis
start_coordinator
start_worker

id=$(treadle submit "$stuck")
refused 'a running run is not retried' 5 'still running' treadle retry "$id"
refused 'nor forgotten' 5 'cancel it first' treadle forget "$id"
is 'cancel as JSON' "$(treadle cancel "$id" --reason 'wrong "file"' --json |
	jq -r .state)" cancelled
like 'the reason is kept' "$(treadle status "$id")" 'wrong "file"'
ok 'cancelled twice is cancelled' treadle cancel "$id"
is 'retry takes it up' "$(treadle retry "$id" --json | jq -r .state)" running
treadle cancel "$id" 2>/dev/null

done_run=$(treadle submit "$good" --wait)
refused 'what is done is not cancelled' 5 'finished already' \
	treadle cancel "$done_run"
refused 'nor retried without a step' 5 'name the step' treadle retry "$done_run"
refused 'nor from a step that is not' 4 'no step' \
	treadle retry "$done_run" --from nothing
is 'from a step on it is' \
	"$(treadle retry "$done_run" --from second --json | jq -c .steps)" \
	'["output","second"]'
until_state "$done_run" done

# The line that --explain prints does what the verb would have done.
explained() { # VERB ARGUMENT...
	local before line
	before=$(redis DEBUG DIGEST-VALUE "treadle:{0}:run:$done_run")
	line=$(treadle "$@" --explain)
	is "$1 --explain does nothing itself" "$before" \
		"$(redis DEBUG DIGEST-VALUE "treadle:{0}:run:$done_run")"
	like "$1 --explain" "$line" "^redis-cli .* treadle_$1 1 "
	eval "${line/#redis-cli/${REDIS_CLI:-redis-cli}}" >/dev/null
}
explained retry "$done_run" --from second
until_state "$done_run" done
is 'its line did it' "$(step_field "$done_run" second attempt)" 3
explained pause default
is 'a queue was paused by its line' "$(redis SCARD 'treadle:{0}:paused')" 1
explained resume default
is 'and opened again' "$(redis SCARD 'treadle:{0}:paused')" 0
other=$(treadle submit "$stuck")
explained cancel "$other"
is 'a run was cancelled' "$(run_state "$other")" cancelled
explained forget "$other"
refused 'and forgotten' 4 'no run' treadle status "$other"
like 'watch --explain' "$(treadle watch "$done_run" --explain)" \
	"treadle_status 1 .*$done_run"
is 'forget as JSON' "$(treadle forget --json "$(treadle submit "$good" --wait)" |
	jq -c keys)" '["run"]'

ok 'forget several' treadle forget "$id" "${done_run:0:25}"
refused 'what is forgotten is gone' 4 'no run' treadle status "$id"
treadle cancel zzzzz "$(treadle submit "$stuck")" 2>"$files/said"
is 'the first that fails ends it' $? 4

refused 'a queue that is not' 4 'no queue nix' treadle pause nix
is 'pause' "$(treadle pause default --json | jq .paused)" true
like 'queues says so' "$(treadle queues)" 'default .* paused'
is 'resume' "$(treadle resume default --json | jq .paused)" false
is 'queues as JSON' "$(treadle queues --json | jq -r .queue)" default
like 'workers' "$(treadle workers)" 'live +0/64.*default'
is 'workers as JSON' "$(treadle workers --json | jq -r .state)" live
for verb in queues workers; do
	like "$verb --explain" "$(treadle $verb --explain)" "treadle_$verb 1"
done
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
