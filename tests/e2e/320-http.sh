#!/bin/bash
# SPDX-License-Identifier: MIT
# http sends what the step says and yields what the API answers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

start_redis
start_coordinator
start_api
start_worker

# echo_of HTTP_PARAMETERS JQ: what the API saw.
echo_of() {
	perform "http: {url: $API/echo, $1}"
	jq -c "$2" <<<"$OUTPUT"
}

outputs 'the body of an answer, as JSON' "http: {url: $API/json}" \
	'{"hello":"world","list":[1,2,3]}'
outputs 'a text is a text' "http: {url: $API/text/3}" '"xxx"'
outputs 'gzip is unpacked' "http: {url: $API/gzip/5}" '"aaaaa"'

is 'GET' "$(echo_of 'headers: {}' '[.method, .body]')" '["GET",""]'
is 'POST where there is a body' "$(echo_of 'body: hi' '[.method, .body]')" \
	'["POST","hi"]'
is 'or any method' "$(echo_of 'method: PUT, body: hi' '.method')" '"PUT"'
is 'JSON' "$(echo_of 'json: {b: [1], a: "é"}' \
	'[.body, .headers["Content-Type"]]')" \
	'["{\"a\":\"é\",\"b\":[1]}","application/json"]'
is 'a form' "$(echo_of 'form: {a: "x y&", "b=": 1}' \
	'[.body, .headers["Content-Type"]]')" \
	'["a=x%20y%26&b%3D=1","application/x-www-form-urlencoded"]'
is 'headers' "$(echo_of 'headers: {X-Colour: green, content-type: a/b}, body: x' \
	'[.headers["X-Colour"], .headers["content-type"]]')" '["green","a/b"]'
perform "http: {url: $API/echo, method: POST}"
is 'the idempotency key' \
	"$(jq -r '.headers["Idempotency-Key"]' <<<"$OUTPUT")" "$RUN/s"
is 'or one of the user' "$(echo_of 'headers: {idempotency-key: mine}' \
	'.headers | [."idempotency-key", ."Idempotency-Key"]')" '["mine",null]'
outputs 'a query' \
	"http: {url: '$API/echo?a=1#end', query: {b: 'x&y', c: é}, output: '\${.response.body.query}'}" \
	'"a=1&b=x%26y&c=%C3%A9"'

outputs 'an expression over the answer' \
	"http: {url: $API/json, output: '\${.response.body.list | add}'}" 6
outputs 'a path of it' \
	"http: {url: $API/json, output: '\${.response.body.list[1]}'}" 2
outputs 'its status and headers' \
	"http: {url: $API/text/1, output: ['\${.response.status}', '\${.response.headers[\"content-type\"]}']}" \
	'[200,"text/plain"]'
outputs 'another status may be a success' \
	"http: {url: $API/status/404, accept: [200, 404], output: '\${.response.status}'}" 404
fails 'an expression can fail' \
	"http: {url: $API/json, output: '\${.response.body | error(\"no\")}'}" \
	'^expression 0: output: .*no'

# Redirects
outputs 'a redirect within the origin' \
	"http: {url: '$API/redirect?to=/json', output: '\${.response.body.hello}'}" \
	'"world"'
fails 'not to another one' \
	"http: {url: '$API/redirect?to=http://localhost:1/there?token=abc'}" \
	'^rejected 302: HTTP 302 from 127.0.0.1:[0-9]+: it redirects to http://localhost:1/there;'

# One connection served all that came one after the other.
perform "http: {url: $API/stats}"
is 'connections are kept' "$(jq .connections <<<"$OUTPUT")" 1
done_testing
