#!/bin/bash
# SPDX-License-Identifier: MIT
# A secret reaches the step that names it, and is found nowhere else.
. "$(dirname "$0")/lib.sh"

python=/usr/bin/python3
command -v $python >/dev/null || skip_all 'python3 is not installed'
# All have a part in common, by which they are looked for. It must not be the
# argument of a program, for those are searched as well.
folder=$TREADLE_TEST_TMP/secrets
needle=$TREADLE_TEST_TMP/needle
mkdir "$folder"
printf 'k4n4ry' >"$needle"
printf 'k4n4ry-of-a-file "quoted\\\\and slashed"\n' >"$folder/ODD"
printf 'k4n4ry-plain\n' >"$folder/PLAIN"
printf 'k4n4ry-first\nof-k4n4ry-second\n' >"$folder/LINES"
printf 'k4n4ry-of-redis' >"$TREADLE_TEST_TMP/password"
outputs=$TREADLE_TEST_TMP/outputs # of all commands
finds() { grep -arqF -f "$needle" "$@"; }
says() { treadle "$@" 2>>"$outputs"; } # its debug lines are looked at, too

# It answers how long the token was, or refuses it and shows it.
cat >"$TREADLE_TEST_TMP/server.py" <<'PY'
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    token = self.headers['Authorization'] or ''
    is_fine = self.path == '/fine'
    body = f'{len(token)}' if is_fine else f'no such token: {token}'
    self.send_response(200 if is_fine else 403)
    self.end_headers()
    self.wfile.write(body.encode())

  def log_message(self, *args):
    pass


server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
start server $python -B "$TREADLE_TEST_TMP/server.py"
server=$PID
wait_until "log_of $server | grep -q ."
url=http://127.0.0.1:$(log_of "$server")

# --- the programs, with a password, as talkative as can be
export TREADLE_LOG_LEVEL=debug TREADLE_LOG_FORMAT=json
start_redis --appendfsync always --rdbcompression no
redis CONFIG SET requirepass "$(cat "$TREADLE_TEST_TMP/password")" >/dev/null
REDISCLI_AUTH=$(cat "$TREADLE_TEST_TMP/password")
export REDISCLI_AUTH
TREADLE_REDIS_URL=unix://:$REDISCLI_AUTH@$TREADLE_TEST_TMP/redis.sock
start_coordinator
start_worker --worker-secrets "$folder"
with_folder=$WORKER

cat >"$TREADLE_TEST_TMP/good.yaml" <<YAML
name: good
defaults: {queue: QUEUE}
steps:
  header:
    http:
      url: $url/fine
      headers: {Authorization: "Bearer \${secret:PLAIN}"}
  odd:
    http:
      url: $url/fine
      headers: {Authorization: "\${secret:ODD}"}
  env:
    exec:
      command: [sh, -c, 'printf %s "\$TOKEN" | wc -c; env | grep -c SECRET >&2; true']
      env: {TOKEN: "\${secret:ODD}"}
  stdin:
    exec:
      command: [wc, -c]
      stdin: {token: "\${secret:LINES}"}
  held:
    needs: [header, odd, env, stdin]
    exec:
      command: [sh, -c, 'cat >/dev/null; while [ ! -e "\$0" ]; do sleep 0.02; done', "$TREADLE_TEST_TMP/go"]
      stdin: "\${secret:PLAIN}"
      env: {TOKEN: "\${secret:PLAIN}"}
output: ["\${.steps.header.output}", "\${.steps.odd.output}", "\${.steps.env.output}", "\${.steps.stdin.output}"]
YAML
submit() { # FILE QUEUE
	sed "s/QUEUE/$2/" "$1" >"$TREADLE_TEST_TMP/flow.yaml"
	says submit "$TREADLE_TEST_TMP/flow.yaml"
}
good=$(submit "$TREADLE_TEST_TMP/good.yaml" default)
wait_until '[ "$(step_field "$good" held state)" = running ]'
arguments() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n'; }
arguments >"$TREADLE_TEST_TMP/arguments"
ok 'the arguments of all programs were read' \
	grep -q -- --worker-secrets "$TREADLE_TEST_TMP/arguments"
ok 'no secret is among them' eval '! finds "$TREADLE_TEST_TMP/arguments"'
touch "$TREADLE_TEST_TMP/go"
until_state "$good" done
odd=$(($(wc -c <"$folder/ODD") - 1))
lines=$(jq -Rsc '{token: .[:-1]}' "$folder/LINES" | tr -d '\n' | wc -c)
is 'each step was given its secret, whole' \
	"$(says status "$good" --output)" "[\"19\",\"$odd\",$odd,$lines]"

# Without a folder they are variables; programs don't inherit those.
TREADLE_SECRET_ODD=$(cat "$folder/ODD") TREADLE_SECRET_PLAIN=k4n4ry-plain \
	TREADLE_SECRET_LINES=$(cat "$folder/LINES") \
	start_worker --worker-queues variables
run=$(submit "$TREADLE_TEST_TMP/good.yaml" variables)
until_state "$run" done
is 'so it is from the environment' "$(says status "$run" --output)" \
	"[\"19\",\"$odd\",$odd,$lines]"
like 'which programs do not inherit' "$(says logs "$run" env)" $'\n0'

# --- whatever goes wrong, the step's failure does not show it
cat >"$TREADLE_TEST_TMP/bad.yaml" <<'YAML'
name: bad
defaults: {retry: {attempts: 1}}
steps:
  bad:
YAML
runs=()
goes_wrong() { # STEP, in flow style
	{
		cat "$TREADLE_TEST_TMP/bad.yaml"
		echo "    $1"
	} >"$TREADLE_TEST_TMP/wrong.yaml"
	runs+=("$(says submit "$TREADLE_TEST_TMP/wrong.yaml")")
}
# shellcheck disable=SC2016 # what stands in quotes is the workflow's
for name in PLAIN ODD LINES; do
	secret="\${secret:$name}"
	for how in 'printf "%s\\n" "$T" >&2; exit 1' 'printf "%s" "$T"; kill -9 $$' \
		'printf "%0300d%s" 0 "$T" >&2; exit 65' \
		'printf "%0290d%s" 0 "$T" >&2; exit 65' \
		'jq -nc --arg m "at $T" "{progress: 0.5, message: \$m}" >&3; printf "%s\\n" "$T" >&3; exit 1'; do
		goes_wrong "exec: {command: [sh, -c, '$how'], env: {T: '$secret'}}"
	done
	goes_wrong "exec: {command: [sh, -c, 'printf \"%s\" \"\$T\"'], env: {T: '$secret'}, output: json}"
	goes_wrong "exec: {command: ['/none/$secret']}"
	goes_wrong "exec: {command: ['true'], directory: '/none/$secret'}"
	goes_wrong "http: {url: '$url/no', headers: {Authorization: '$secret'}}"
	goes_wrong "http: {url: 'http://127.0.0.1:1/x?$secret', query: {t: '$secret'}}"
	goes_wrong "http: {url: 'http://$secret/'}"
	goes_wrong "http: {url: '$secret'}"
	goes_wrong "http: {url: '$url/fine', headers: {'Content-Type': '$secret'}, method: '$secret'}"
	goes_wrong "http: {url: '$url/fine', download: '/none/$secret'}"
done
goes_wrong "exec: {command: ['true'], stdin: '\${secret:NONE}'}"
wait_until '[ "$(redis ZCARD "treadle:{0}:runs:running")" = 0 ]' 30
is 'each of these has failed' "$(redis ZCARD 'treadle:{0}:runs:failed')" \
	"${#runs[@]}"
like 'what went wrong is still told' "$(ask status "${runs[0]}" |
	jq -r .reason.detail)" '^exit 1: \*\*\*$'
like 'what wrote it as well' "$(says logs "${runs[0]}")" '\*\*\*'
like 'a secret that is not there is named' \
	"$(says status "${runs[-1]}")" 'secret "NONE" is not known'

# --- all that can be seen
for run in "$good" "${runs[@]}"; do
	treadle status "$run"
	treadle logs "$run" --json
done >>"$outputs" 2>&1
for verb in "status $good --json" "status $good --explain" \
	"logs ${runs[0]}" list 'list --json' 'dead list' 'dead list --json' \
	'dead list --explain' queues workers 'workers --json' 'config' \
	'config --explain' 'queues --explain'; do
	treadle ${verb}
done >>"$outputs" 2>&1
for path in metrics scale healthz readyz; do
	curl -s "$COORDINATOR_URL/$path"
done >>"$outputs"
treadle list --redis-url "unix://:$REDISCLI_AUTH@/none.sock" \
	--redis-timeout 200ms >>"$outputs" 2>&1
treadle list --redis-url "unix://:${REDISCLI_AUTH}x@$TREADLE_TEST_TMP/redis.sock" \
	--redis-timeout 200ms >>"$outputs" 2>&1
treadle list --redis-url "redis://user:$REDISCLI_AUTH@none.invalid:x/" \
	>>"$outputs" 2>&1
"$TREADLE_BUILD/treadle-worker" --check >>"$outputs" 2>&1
"$TREADLE_BUILD/treadle-worker" --check --redis-timeout 200ms --redis-url \
	"http://:$REDISCLI_AUTH@x" >>"$outputs" 2>&1
"$TREADLE_BUILD/treadle-coordinator" --check --redis-timeout 200ms --redis-url \
	"redis://$REDISCLI_AUTH@127.0.0.1:1" >>"$outputs" 2>&1
ok 'much was looked at' [ "$(grep -c . "$outputs")" -gt 200 ]
ok 'no output shows a secret' eval '! finds "$outputs"'
redis SAVE >/dev/null
ok 'nor does a dump of Redis, or its journal' eval \
	'! finds "$TREADLE_TEST_TMP/data"'
stop "$WORKER"
stop "$with_folder"
stop "$COORDINATOR"
for pid in "$with_folder" "$WORKER" "$COORDINATOR"; do
	ok 'nor does a log' eval "! finds '${log_files[$pid]}'"
done
is 'whose every line is JSON' "$(log_of "$with_folder" | jq -c 'select(
	.program != "worker" or .time == null or .what == null)')" ''
done_testing
