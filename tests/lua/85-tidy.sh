#!/bin/bash
# SPDX-License-Identifier: MIT
# Entries, letters, queues, definitions, workers and totals are put in order too.
. "$(dirname "$0")/lib.sh"

start_library
define_all
register w1 >/dev/null
r=$(run_id 1)
call submit "$r" chain '' mine 0 >/dev/null
exists() { redis EXISTS "$P:$1"; } # KEY
later() { redis PTTL "$P:$1" | awk '{ print ($1 > 0) }'; } # KEY: it expires

# --- entries -------------------------------------------------------------------

ENTRY=$(field "$r" step:a | cut -d ' ' -f 4)
left_alone 'the entry of a step that is ready' entry q "$ENTRY"
take w1
left_alone 'the entry of one that runs' entry q "$ENTRY"
first=$ENTRY
complete w1 x 1 >/dev/null
is 'one step goes on under the entry of another' \
	"$(field "$r" step:b | cut -d ' ' -f 4)" "$first"
left_alone 'the entry of an heir' entry q "$first"
STEP=b complete w1 >/dev/null
entry=$(redis XADD "$P:queue:q" '*' junk 1)
repaired 'an entry of nobody' entry q "$entry"
entry=$(redis XADD "$P:queue:q" '*' run "$r" step a)
repaired 'another entry of a step' entry q "$entry"
entry=$(redis XADD "$P:queue:q" '*' run "$(run_id 99)" step a)
read_entry w1 >/dev/null
redis XDEL "$P:queue:q" "$entry" >/dev/null
repaired 'one that is held, and is not there' entry q "$entry"
is 'nobody holds anything' \
	"$(redis XPENDING "$P:queue:q" workers | head -n 1)" 0
left_alone 'one that was never there' entry nowhere 1-1

# --- what is due -----------------------------------------------------------------

r=$(run_id 2)
call submit "$r" one '' other 3600000 >/dev/null
take w1
fail_step w1 100000 >/dev/null
left_alone 'a step that waits for its time' delayed "$r/a"
left_alone 'a deadline' delayed "$r/"
redis HDEL "$P:run:$r" deadline_at >/dev/null
repaired 'the deadline of a run that has none' delayed "$r/"
redis ZADD "$P:delayed" 1 nonsense 1 "$(run_id 99)/a" 1 "$r/zz" >/dev/null
repaired 'what is no step' delayed nonsense
repaired 'that of no run' delayed "$(run_id 99)/a"
repaired 'one that the run does not have' delayed "$r/zz"
call promote c1 1000 9 >/dev/null
redis ZADD "$P:delayed" XX 1 "$r/a" >/dev/null
call promote c1 1000 9 >/dev/null

# --- dead letters and keys ---------------------------------------------------------

take w1
fail_step w1 -1 rejected >/dev/null
letter=$(field "$r" dead:a)
left_alone 'a dead letter that its run names' letter "$letter"
left_alone 'one that is not there' letter 1-1
redis HDEL "$P:run:$r" dead:a >/dev/null
repaired 'one that it does not name' letter "$letter"
letter=$(redis XADD "$P:dead" '*' junk 1)
repaired 'one of nobody' letter "$letter"
left_alone 'a key that is not known' key nonsense
left_alone 'a key of a run' key other
redis HSET "$P:keys" stolen "$r digest" >/dev/null
repaired 'a key that its run does not have' key stolen
redis HSET "$P:keys" lost "$(run_id 99) digest" >/dev/null
repaired 'a key of no run' key lost

# --- queues ------------------------------------------------------------------------

left_alone 'a queue that is listed, and has a group' queue q
redis XGROUP DESTROY "$P:queue:q" workers >/dev/null
repaired 'one without a group' queue q
redis SREM "$P:queues" q >/dev/null
repaired 'one that is not listed' queue q
redis SADD "$P:queues" apart >/dev/null
repaired 'one that is listed, and is not there' queue apart
redis SADD "$P:paused" nowhere >/dev/null
repaired 'a pause of no queue' queue nowhere
redis SET "$P:queue:odd" 1 >/dev/null
redis SADD "$P:queues" odd >/dev/null
left_alone 'what is no queue at all' queue odd
redis DEL "$P:queue:odd" >/dev/null
redis SREM "$P:queues" odd >/dev/null

# --- definitions ---------------------------------------------------------------------

counted() { redis HMGET "$P:counters" submitted removed | xargs; }
call forget "$r" >/dev/null
read -r submitted removed < <(counted)
left_alone 'a definition that is used' definition chain
left_alone 'one that is not, and is listed so' definition one
redis ZREM "$P:definitions" one >/dev/null
repaired 'one that is not listed' definition one
redis ZADD "$P:definitions" 1 chain >/dev/null
repaired 'one that is listed, and used' definition chain
redis ZADD "$P:definitions" 1 gone >/dev/null
repaired 'one that is listed, and not there' definition gone
left_alone 'a count from before the last run' definition chain 1 0 0
left_alone 'a count of runs removed since' definition chain 1 "$submitted" 0
left_alone 'a count for one that is not there' \
	definition gone 1 "$submitted" "$removed"
redis HSET "$P:def:chain" runs 7 >/dev/null
is 'a count of its runs' \
	"$(mend definition chain 0 "$submitted" "$removed")" true
is 'is believed' "$(redis HGET "$P:def:chain" runs)$(redis ZSCORE \
	"$P:definitions" chain | wc -w)" 01
left_alone 'and needs no other' \
	definition chain 0 "$submitted" "$removed"
is 'whatever it says' \
	"$(mend definition chain 1 "$submitted" "$removed")" true
is 'it is used then' "$(redis ZSCORE "$P:definitions" chain)" ''

# --- workers ----------------------------------------------------------------------------

left_alone 'a worker that lives' worker w1
call submit "$(run_id 3)" one '' '' 0 "$(run_id 4)" one '' '' 0 >/dev/null
read_entry w1 >/dev/null
left_alone 'whatever it holds' worker w1
redis HSET "$P:worker:w1" queues other >/dev/null
repaired 'one that holds what it does not look for' worker w1
is 'is looked for in both' "$(redis HGET "$P:worker:w1" queues)" other,q
redis HDEL "$P:worker:w1" queues >/dev/null
repaired 'even where it looks for nothing' worker w1
redis ZREM "$P:workers" w1 >/dev/null
repaired 'one without a lease' worker w1
is 'is declared lost' "$(redis ZSCORE "$P:lost" w1 | wc -w)$(redis HEXISTS \
	"$P:worker:w1" lost)" 11
redis HSET "$P:worker:w1" queues other,q >/dev/null
left_alone "one that is lost, and looked for where it holds nothing as well" \
	worker w1
is 'so that others do its work' \
	"$(call reclaim c1 1000 9 | query '.workers[0].returned')" 1
left_alone 'one that was lost' worker w1
redis XADD "$P:queue:apart" '*' run x step y >/dev/null
for queue in q apart; do
	redis XREADGROUP GROUP workers stray COUNT 1 STREAMS \
		"$P:queue:$queue" '>' >/dev/null
done
repaired 'a stranger that holds entries' worker stray
like 'is a lost worker then' "$(redis HGET "$P:worker:stray" queues)" \
	'^(q,apart|apart,q)$'
redis ZADD "$P:workers" 1 ghost >/dev/null
redis XGROUP CREATECONSUMER "$P:queue:q" workers ghost >/dev/null
is 'one that holds nothing' "$(mend worker ghost)" true
is 'is forgotten' "$(redis ZSCORE "$P:workers" ghost)$(redis XINFO CONSUMERS \
	"$P:queue:q" workers | grep -c ghost)" 0
left_alone 'and then is nobody' worker ghost
left_alone 'like one that never was' worker nobody
redis XGROUP CREATECONSUMER "$P:queue:q" workers ghost >/dev/null
repaired 'one that only a queue remembers' worker ghost
redis ZADD "$P:stop:ghost" 1 1-1 >/dev/null
repaired 'one of whom only orders are left' worker ghost
redis HSET "$P:worker:ghost" host x >/dev/null
repaired 'or only a hash' worker ghost

# --- where the newest runs of a workflow are -------------------------------------------------

name=$(redis HGET "$P:run:$(run_id 1)" workflow)
RECENT=$P:recent:$name
left_alone 'a list in which its runs are' recent "$name"
left_alone 'and each of them' recent "$name" "$(run_id 1)"
redis LREM "$RECENT" 0 "$(run_id 1)" >/dev/null
left_alone 'nobody asks for what is missing' recent "$name"
left_alone 'a run of no workflow is not missed' recent "$name" "$(run_id 99)"
repaired 'one that is missing' recent "$name" "$(run_id 1)"
is 'is there' "$(redis LINDEX "$RECENT" -1)" "$(run_id 1)"
for element in red "below $(run_id 1)" "$(run_id 2) $(run_id 1)" \
	"$(run_id 1) $(run_id 2) $(run_id 3)"; do
	redis RPUSH "$RECENT" "$element" >/dev/null
	repaired "a list with $element" recent "$name"
done
is 'begins anew' "$(redis LRANGE "$RECENT" 0 -1)" \
	"below $(redis ZRANGE "$P:runs:running" -1 -1)"
redis DEL "$RECENT" >/dev/null
left_alone 'a workflow without a run needs no list' recent "$name"
repaired 'one with a run does' recent "$name" "$(run_id 1)"
redis HDEL "$P:workflows" "$name" >/dev/null
redis DEL "$RECENT" >/dev/null
left_alone 'a workflow that is not known' recent "$name" "$(run_id 1)"
redis HSET "$P:workflows" "$name" 1 >/dev/null

# --- totals, and keys of nobody ------------------------------------------------------------

left_alone 'totals that agree' counters
redis HSET "$P:counters" submitted 99 >/dev/null
repaired 'totals that do not' counters
is 'are those of the runs' "$(redis HGET "$P:counters" submitted)" 4
redis DEL "$P:counters" >/dev/null
repaired 'even where there are none' counters
redis HSET "$P:out:$(run_id 99)" a x >/dev/null
redis HSET "$P:log:$(run_id 99)" a x >/dev/null
repaired 'outputs of no run' orphan "out:$(run_id 99)"
repaired 'logs of no run' orphan "log:$(run_id 99)"
redis HSET "$P:out:$(run_id 3)" a x >/dev/null
left_alone 'outputs of a run' orphan "out:$(run_id 3)"
left_alone 'what is neither' orphan keys
redis EXPIRE "$P:keys" 99 >/dev/null
repaired 'a key that would expire' persist keys
is 'does not any more' "$(later keys)" 0
call probe >/dev/null
left_alone 'one that shall' persist probe
left_alone 'the lead' persist lead:reclaim
redis SET "$P:lead:reclaim" c1 PX 60000 >/dev/null
left_alone 'which ends by itself' lead lead:reclaim
redis SET "$P:lead:reclaim" c1 >/dev/null
repaired 'unless it does not' lead lead:reclaim
is 'so that others can lead' "$(exists lead:reclaim)" 0
left_alone 'no other key is ended' lead keys
done_testing
