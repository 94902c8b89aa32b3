#!/bin/bash
# SPDX-License-Identifier: MIT
# The coordinator's command line: what it tells, what it refuses.
. "$(dirname "$0")/lib.sh"

program treadle-coordinator
coordinator=$PROGRAM
try() { said=$("$coordinator" "$@" 2>&1); status=$?; }

try --help
is '--help is fine' "$status" 0
like '--help shows the options' "$said" 'listen.*retention'
like '--help shows the modes' "$said" '--check'
try --version
is '--version is fine' "$status" 0
like '--version shows it' "$said" '^treadle-coordinator [0-9]+\.[0-9]+'

try --coordinator-lisen 127.0.0.1:1
is 'an unknown option is refused' "$status" 2
like 'and the nearest is named' "$said" 'listen'
try submit
is 'so is a word that is none' "$status" 2
try --coordinator-listen nonsense --check
is 'an address that is none is refused' "$status" 2
like 'and what one looks like is shown' "$said" '127\.0\.0\.1:7420'
try --coordinator-lead 1ms
is 'a value out of bounds is refused' "$status" 2
try --redis-url ftp://x --check
ok 'so is a URL that is none' [ "$status" != 0 ]

try --redis-url "unix://$TREADLE_TEST_TMP/none.sock" --redis-timeout 200ms --check
is '--check without Redis' "$status" 6
start_redis
try --check
is '--check with Redis' "$status" 0
redis CONFIG SET maxmemory-policy allkeys-lru >/dev/null
try --check
is 'a Redis that evicts is refused' "$status" 6
like 'with the remedy' "$said" 'noeviction'
try
is 'also without --check' "$status" 6
redis CONFIG SET maxmemory-policy noeviction >/dev/null

start_coordinator
taken=${COORDINATOR_URL#http://}
try --coordinator-listen "$taken"
is 'a port that is taken is an error' "$status" 71
like 'with the remedy' "$said" 'another address'
try --coordinator-listen "$taken" --health
is '--health of one that runs' "$status" 0
stop "$COORDINATOR"
is 'it stops well' "$STATUS" 0
try --coordinator-listen "$taken" --health
is '--health of none' "$status" 6

TREADLE_COORDINATOR_LISTEN='[::1]:0' start_coordinator
like 'it listens on IPv6' "$COORDINATOR_URL" '^http://\[::1\]:[0-9]+$'
kill -INT "$COORDINATOR"
wait_until "! is_running $COORDINATOR" 20
reap "$COORDINATOR"
is 'SIGINT stops it too' "$STATUS" 0

# Without HTTP it just works.
start silent "$coordinator" --coordinator-listen ''
wait_until 'log_of $PID | grep -q "coordinator ready"' 20
unlike 'an empty address listens nowhere' "$(log_of "$PID")" 'http://'
stop "$PID"
is 'and stops well' "$STATUS" 0
done_testing
