#!/bin/bash
# SPDX-License-Identifier: MIT
# submit --wait exits as the run ended; an interrupt leaves the run going.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis
start_coordinator
start_worker

id=$(treadle submit "$good" --wait)
is 'a good run is success' $? 0
like 'and its id is printed' "$id" '^[0-9a-z]{26}$'
is 'with --json one object, the output in it' \
	"$(treadle submit "$good" --wait --json | jq -c '[.state, .output]')" \
	'["done",{"sum":21}]'

id=$(treadle submit "$bad" --wait 2>"$files/said")
is 'a bad run is exit code 1' $? 1
like 'and one line says why' "$(cat "$files/said")" \
	"^treadle: run $id failed: step ship: rejected.*65"
out=$(treadle submit "$bad" --wait --json 2>/dev/null)
is 'also with --json' $? 1
is 'which holds the reason' "$(jq -r '.state, .reason.step' <<<"$out")" \
	$'failed\nship'

id=$(treadle submit "$good" --watch 2>"$files/said")
like '--watch tells of each step on standard error' "$(cat "$files/said")" \
	"second +done.*run $id done"
like 'and prints only the id' "$id" '^[0-9a-z]{26}$'

program treadle
start waiting "$PROGRAM" submit "$stuck" --wait
waiting=$PID
wait_until "log_of $waiting | grep -qE '^[0-9a-z]{26}$'"
id=$(log_of "$waiting" | head -n 1)
kill -INT "$waiting"
reap "$waiting"
is 'interrupted it ends' "$STATUS" 130
like 'and says how to go on' "$(log_of "$waiting")" "treadle watch $id"
is 'the run goes on' "$(run_state "$id")" running

start waiting "$PROGRAM" watch "$id"
waiting=$PID
until_state "$id" running
treadle cancel "$id" 2>/dev/null
reap "$waiting"
is 'a cancelled run is exit code 1' "$STATUS" 1
done_testing
