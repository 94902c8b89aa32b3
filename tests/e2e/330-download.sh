#!/bin/bash
# SPDX-License-Identifier: MIT
# A download appears whole or not at all, and never outside of its folder.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

inside=$TREADLE_TEST_TMP/inside
mkdir -p "$inside/there" "$TREADLE_TEST_TMP/outside"
ln -s ../outside "$inside/link"
ln -s ../outside/file "$inside/file-link"
echo old >"$inside/there/file"
start_redis
start_coordinator
start_api
start_worker --worker-directory "$inside"

get() { echo "http: {url: $API/$1, download: '$2'}"; }
hash=$(head -c 3000000 /dev/zero | tr '\0' x | sha256sum | cut -d' ' -f1)
outputs 'the output tells of the file' "$(get bytes/3000000 there/file)" \
	"{\"bytes\":3000000,\"file\":\"there/file\",\"sha256\":\"$hash\",\"status\":200}"
is 'it has taken the place of the old one' \
	"$(sha256sum <"$inside/there/file" | cut -d' ' -f1)" "$hash"
outputs 'folders are made' "$(get bytes/0 new/and/newer/empty)" \
	'{"bytes":0,"file":"new/and/newer/empty","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","status":200}'
ok 'as wished' test -f "$inside/new/and/newer/empty"
perform "$(get bytes/1 "$inside/absolute")"
is 'an absolute path below is fine' "$STATE" done
outputs 'more than an output may be' "$(get bytes/20000000 large)" \
	"{\"bytes\":20000000,\"file\":\"large\",\"sha256\":\"$(head -c 20000000 /dev/zero | tr '\0' x | sha256sum | cut -d' ' -f1)\",\"status\":200}"

fails 'not above' "$(get bytes/1 ../outside/file)" \
	'^rejected 0: download: the path must not hold "\.\."'
fails 'not elsewhere' "$(get bytes/1 "$TREADLE_TEST_TMP/outside/file")" \
	'^rejected 0: download: the path must be relative'
fails 'not beside' "$(get bytes/1 "${inside}x/file")" 'must be relative'
fails 'not through a link' "$(get bytes/1 link/file)" \
	'^error 0: cannot open the folder of link/file: '
fails 'not a folder' "$(get bytes/1 there)" '^error 0: cannot put in its place there'
fails 'not nothing' "$(get bytes/1 there/)" 'the path names no file'
perform "$(get bytes/1 file-link)"
is 'a link is replaced, not followed' "$STATE" done
ok 'by a file' test ! -L "$inside/file-link"
is 'outside nothing has changed' "$(ls "$TREADLE_TEST_TMP/outside")" ''

fails 'a failure leaves no file' "$(get status/404 missing)" '^rejected 404'
fails 'nor a broken connection' "$(get close-early missing)" '^transient '
fails 'nor too much' \
	"http: {url: $API/bytes/100001, download: missing, size_max: 100000}" \
	'^too_large '
fails 'nor time' "$(get slow-dribble missing)
    timeout: 300ms" '^timeout '
ok 'no file' test ! -e "$inside/missing"
is 'and nothing of one' "$(find "$inside" -name '.treadle-*')" ''
done_testing
