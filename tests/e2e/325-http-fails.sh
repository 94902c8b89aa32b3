#!/bin/bash
# SPDX-License-Identifier: MIT
# How an API answers tells what becomes of the step.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

start_redis
start_coordinator
start_api
start_worker --worker-output-max 16KiB --worker-http-deny 169.254.0.0/16,::1

host='127.0.0.1:[0-9]+'
fails 'a fault of theirs' "http: {url: $API/status/503}" \
	"^transient 503: HTTP 503 from $host: .*status.*503"
fails 'too many' "http: {url: $API/throttled/1}" \
	"^throttled 429: HTTP 429 from $host: not now,\\\\nplease"
fails 'a fault of ours' "http: {url: $API/status/404}" \
	"^rejected 404: HTTP 404 from $host"
fails 'nobody listens' 'http: {url: "http://127.0.0.1:1/x?token=abc"}' \
	'^transient 0: 127.0.0.1:1: .*[Cc]onnect'
fails 'nobody of that name' 'http: {url: "http://no-such-host.invalid/"}' \
	'^transient 0: no-such-host.invalid: .*resolve'
fails 'a broken connection' "http: {url: $API/close-early}" \
	"^transient 200: $host: "
fails 'no end' "http: {url: $API/slow-dribble}
    timeout: 300ms" '^timeout '
fails 'not HTTP' 'http: {url: "${\"ftp\"}://x/"}' \
	'^rejected 0: url must begin with http://'
fails 'a blank in it' 'http: {url: "http://x/${\" \"}y"}' '^rejected 0: url holds a blank'

fails 'too large' "http: {url: $API/bytes/16385}" '^too_large 200: .*too large'
fails 'too large once unpacked' "http: {url: $API/gzip-bomb}" '^too_large 200: '
fails 'less is allowed' "http: {url: $API/text/101, size_max: 100}" '^too_large '
fails 'too many headers' "http: {url: $API/headers-flood}" \
	'^too_large .*headers are too large'
fails 'no JSON' "http: {url: $API/bad-json}" '^bad_output 200: the body is not the JSON'
fails 'no text' "http: {url: $API/latin1}" '^bad_output 200: the body is not UTF-8'

fails 'a denied address' 'http: {url: "http://169.254.169.254/latest/meta-data"}' \
	'^rejected 0: 169.254.169.254: address 169.254.169.254 is denied by worker.http_deny'
fails 'written otherwise' 'http: {url: "http://0xa9fea9fe/"}' \
	'address 169.254.169.254 is denied'
fails 'or as IPv6' 'http: {url: "http://[::ffff:169.254.169.254]/"}' 'is denied'
fails 'zero' 'http: {url: "http://0.0.0.0:1/"}' 'address 0.0.0.0 is denied'
fails 'a redirect to it' "http: {url: '$API/redirect?to=http://169.254.169.254/'}" \
	'^rejected 302: '

# What is injected stays a value.
fails 'a line end in a header' \
	"http: {url: $API/echo, headers: {X-A: '\${\"a\\r\\nX-B: b\"}'}}" \
	'the value of X-A holds a control character'
fails 'a URL without an end' \
	"http: {url: '\${\"http://x/\" + (\"x\" * 70000)}'}" \
	'^rejected 0: url is longer than 64 KiB'
fails 'what frames a message' \
	"http: {url: $API/echo, headers: '\${{(\"Transfer-Encoding\"): \"chunked\"}}'}" \
	'Transfer-Encoding is set by the worker'

# Tried again, with the same key, when the API wishes.
RETRY='3, delay: 1ms'
perform "http: {url: $API/flaky/2, method: POST}"
is 'what can pass is tried again' "$STATE $OUTPUT" 'done "at last"'
is 'with one key' "$(curl -s "$API/ledger")" "{\"$RUN/s\":3}"
# A connection breaks that had been used before: who was asked may have done it.
asked() { curl -s "$API/stats" | jq .requests; }
cat >"$TREADLE_TEST_TMP/broken.yaml" <<END
name: broken
steps:
  first: {http: {url: $API/json}}
  second: {needs: first, retry: {attempts: 1}, http: {url: $API/reset, method: POST}}
END
before=$(asked)
run=$(treadle submit "$TREADLE_TEST_TMP/broken.yaml")
until_state "$run" failed
is 'what was sent once is not sent again by itself' \
	"$(($(asked) - before))" 3
like 'and the step fails in a way that can pass' \
	"$(ask status "$run" | jq -r .reason.detail)" \
	"$host: the connection broke before an answer came"
RETRY='2, delay: 1ms'
begun=$SECONDS
perform "http: {url: $API/retry-after/2}"
ok 'not before it is wished' test $((SECONDS - begun)) -ge 2
ok 'the worker has lived through all that' is_running "$WORKER"

# A bad range is a mistake of the operator's.
program treadle-worker
ok 'a bad option is refused' eval \
	'! "$PROGRAM" --check --worker-http-deny 10.0.0.0/99'
like 'with a reason' "$("$PROGRAM" --check --worker-http-deny 10.0.0.0/99 2>&1)" \
	'http_deny.*10.0.0.0/99.*from 0 to 32'
done_testing
