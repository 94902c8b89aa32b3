#!/bin/bash
# SPDX-License-Identifier: MIT
# The doctor names each damage to names, to children, and to who performs whom, and mends it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
. "$(dirname "$0")/doctor.sh"
P='treadle:{0}'
start_redis
start_coordinator
start_worker
cd "$files" || exit 1
printf 'name: page\nsteps:\n  long: {wait: {for: 1h}}\n' >page.yaml
printf 'name: book\nsteps:\n  page: {workflow: page}\n' >book.yaml
printf 'name: short\nsteps:\n  say: {pass: {value: 1}}\noutput: ${.steps.say.output}\n' >short.yaml
printf 'name: tale\nsteps:\n  short: {workflow: short}\n' >tale.yaml
treadle apply page.yaml book.yaml short.yaml tale.yaml >/dev/null
tale=$(treadle submit tale)
until_state "$tale" done
run=$(treadle submit book)
wait_until '[ "$(step_field "$run" page state)" = parked ]'
page=$(redis HGET "$P:run:$run" child:page)
short=$(redis HGET "$P:run:$tale" child:short)
wait_until '[ "$(step_field "$page" long state)" = delayed ]'
crash "$WORKER"
crash "$COORDINATOR"
named() { redis HGET "$P:named" "$1"; } # NAME: the digest
linked=$(redis HGET "$P:run:$run" def)

keep
is 'a run that waits for another is well' "$(ids)" ''

page_digest=$(named page)
harm named-wrong HDEL "$P:def:$page_digest" applied_at
left
harm named-wrong HSET "$P:def:$linked" applied_at 5
left
harm definition-unlisted ZADD "$P:definitions" 5 "$page_digest"
left
harm named-lost HSET "$P:named" nobody "$linked"
harm 'named-lost named-wrong' HSET "$P:named" page gone
left named-lost
harm child-unlisted HDEL "$P:children" "$page"
left
harm 'child-stray child-unlisted' HSET "$P:children" "$page" "$tale/short"
left
harm child-stray HSET "$P:children" "$short" "$tale/short"
left
harm child-stray HSET "$P:children" 01m80000000000000000000000 "$run/page"
left
harm finished-wrong ZADD "$P:finished" 5 "$short"
left
harm finished-wrong HDEL "$P:run:$tale" child:short
left
harm caller-wrong SADD "$P:callers:$page_digest" nobody
left
harm caller-wrong DEL "$P:callers:$(redis HGET "$P:run:$short" def)"
left
harm step-nowhere HSET "$P:run:$run" child:page "$short"
harm field-unknown HSET "$P:run:$run" child:nothing "$page"
restore
treadle cancel "$page" >/dev/null 2>&1
redis HSET "$P:run:$run" step:page "$(redis -n 1 HGET "$P:run:$run" step:page)" >/dev/null
redis XTRIM "$P:queue:default" MAXLEN 0 >/dev/null
is 'a child that is over, though its parent waits' "$(ids)" step-nowhere
left
is 'has told how' "$(redis --raw HGET "$P:run:$run" step:page | cut -d ' ' -f 1)" ready
done_testing
