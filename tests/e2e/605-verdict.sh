#!/bin/bash
# SPDX-License-Identifier: MIT
# The storms' verdict: Redis goes on between what its two looks see, and nothing is counted twice.
. "$(dirname "$0")/../storm/lib.sh"

begin_world --appendfsync always
begin_load 6
wait_until '[ "$(redis ZCARD "${PREFIX}runs:done")" -ge 6 ]' 60
end_load
wait_until is_settled 60
run=$(redis ZRANGE "${PREFIX}runs:done" 0 0)

# A run is removed, as by a sweep, when the dump was written and the history was not.
eval "plain_$(declare -f redis)"
redis() {
	plain_redis "$@" || return
	[[ $* != *dump.lua* ]] || treadle forget "$run" >/dev/null
}
ok 'there is a verdict' judge
is 'the run is in the dump' "$(grep -c "^key.*:run:$run" "$ledgers/dump")" 1
is 'it is gone from the history' \
	"$(grep -cE "^(DEL|UNLINK).*:run:$run" "$ledgers/history")" 1
is 'no counter is wrong' "$(grep '^violation' "$ledgers/verdict")" ''
done_testing
