/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_listener.h"
#include "s3_signature.h"
#include "treadle/text.h"

/*
 * A bucket for tests: s3_server FOLDER BUCKET ACCESS_KEY SECRET_KEY REGION
 * [PORT].
 *
 * Objects are files in FOLDER, '/' written as '!'. Each request must be signed;
 * "METHOD KEY STATUS CODE" of each is appended to FOLDER.log. Where there is a
 * FOLDER.fault, "WORD TIMES", so many requests meet with it:
 *
 *   503 and other statuses   nothing is done
 *   hang    nothing is done, nor answered
 *   refuse  nothing is done, and the connection is closed
 *   lost    it is done, but the connection is closed instead of an answer
 *   cut     half of an object comes, and the connection is closed
 *   short, longer, corrupt   what comes is other than what was put
 */
static struct {
	const char *folder, *bucket;
	struct signer signer;
} s3;

/* --- planned faults --------------------------------------------------------
 */

/* Counts down; "" if there is none. */
static void take_fault(char word[32])
{
	char *path = xasprintf("%s.fault", s3.folder);
	FILE *file = fopen(path, "re");
	int times = 0;

	*word = '\0';
	if (file && fscanf(file, "%31s %d", word, &times) != 2)
		*word = '\0';
	if (file)
		fclose(file);
	if (times > 1) {
		char *next = xasprintf("%s.next", path);

		file = fopen(next, "we");
		fprintf(file, "%s %d\n", word, times - 1);
		fclose(file);
		must(rename(next, path) == 0);
		free(next);
	} else if (*word) {
		unlink(path);
	}
	free(path);
}

/* --- answers ----------------------------------------------------------------
 */

static void note(const struct request *q, int status, const char *code)
{
	char *path = xasprintf("%s.log", s3.folder);
	FILE *file = fopen(path, "ae");

	fprintf(file, "%.*s %.*s %d %s\n", (int)q->method.len, q->method.data,
		(int)q->path.len, q->path.data, status, code);
	fclose(file);
	free(path);
}

static void refuse(const struct request *q, int status, const char *code)
{
	struct response r = {.status = status, .type = "application/xml"};
	char *text = xasprintf("<?xml version=\"1.0\"?><Error><Code>%s</Code>"
			       "<Message>so it is</Message></Error>",
			       code);

	note(q, status, code);
	r.body = slice_of(text);
	answer(q->connection, &r);
	free(text);
}

static void accept_it(const struct request *q, int status, struct slice body)
{
	struct response r = {.status = status,
			     .type = "application/octet-stream",
			     .body = body};

	note(q, status, "");
	answer(q->connection, &r);
}

static void send_half(const struct request *q, struct slice body)
{
	struct out *out = out_new(q->connection, close_connection);

	note(q, 200, "cut");
	add_head(&out->bytes, 200, "application/octet-stream",
		 (long long)body.len, "");
	buf_add(&out->bytes, body.data, body.len / 2);
	out_send(out);
}

/* --- objects ----------------------------------------------------------------
 */

static char *path_of(struct slice key)
{
	char *path = xasprintf("%s/%.*s", s3.folder, (int)key.len, key.data);

	for (char *c = path + strlen(s3.folder) + 1; *c; c++)
		if (*c == '/')
			*c = '!';
	return path;
}

static bool read_object(struct slice key, struct buf *out)
{
	char *path = path_of(key), bytes[65536];
	FILE *file = fopen(path, "re");
	size_t len;

	free(path);
	if (!file)
		return false;
	while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
		buf_add(out, bytes, len);
	fclose(file);
	return true;
}

static void get_object(const struct request *q, struct slice key,
		       const char *fault)
{
	struct buf object;

	buf_init(&object, REQUEST_MAX);
	if (!read_object(key, &object)) {
		refuse(q, 404, "NoSuchKey");
	} else if (strcmp(fault, "cut") == 0) {
		send_half(q, buf_slice(&object));
	} else {
		if (strcmp(fault, "short") == 0)
			buf_cut(&object, object.len / 2);
		if (strcmp(fault, "longer") == 0)
			buf_addc(&object, 'x');
		if (strcmp(fault, "corrupt") == 0)
			object.data[object.len / 2] ^= 1;
		accept_it(q, 200, buf_slice(&object));
	}
	buf_clear(&object);
}

static void put_object(const struct request *q, struct slice key)
{
	char *path = path_of(key), *next = xasprintf("%s.next", s3.folder);
	FILE *file = fopen(next, "we");

	must(file && fwrite(q->body.data, 1, q->body.len, file) == q->body.len);
	must(fclose(file) == 0 && rename(next, path) == 0);
	free(next);
	free(path);
}

static void remove_object(struct slice key)
{
	char *path = path_of(key);

	unlink(path);
	free(path);
}

/* --- requests ---------------------------------------------------------------
 */

static void perform(const struct request *q, struct slice key,
		    const char *fault)
{
	bool is_lost = strcmp(fault, "lost") == 0;

	if (slice_is(q->method, "PUT"))
		put_object(q, key);
	else if (slice_is(q->method, "DELETE"))
		remove_object(key);
	if (is_lost) {
		note(q, 0, fault);
		close_connection(q->connection);
	} else if (slice_is(q->method, "GET")) {
		get_object(q, key, fault);
	} else if (slice_is(q->method, "PUT")) {
		accept_it(q, 200, SLICE(""));
	} else if (slice_is(q->method, "DELETE")) {
		accept_it(q, 204, SLICE(""));
	} else {
		refuse(q, 405, "MethodNotAllowed");
	}
}

static bool meets(const struct request *q, const char *fault)
{
	long status = strtol(fault, NULL, 10);

	if (status > 0)
		refuse(q, (int)status,
		       status == 403 ? "AccessDenied" : "InternalError");
	else if (strcmp(fault, "refuse") == 0)
		close_connection(q->connection);
	else if (strcmp(fault, "hang") != 0)
		return false;
	if (status == 0)
		note(q, 0, fault);
	return true;
}

static void dispatch(struct request *q)
{
	struct slice key = {q->path.data + 1, q->path.len - 1};
	const char *wrong = find_fault(q, &s3.signer);
	char fault[32];

	take_fault(fault);
	if (wrong)
		refuse(q,
		       strstr(wrong, "Malf") || strstr(wrong, "XAmz") ? 400
								      : 403,
		       wrong);
	else if (meets(q, fault))
		return;
	else if (!slice_is(slice_cut(&key, '/'), s3.bucket))
		refuse(q, 404, "NoSuchBucket");
	else
		perform(q, key, fault);
}

int main(int argc, char **argv)
{
	must(argc == 6 || argc == 7);
	s3.folder = argv[1];
	s3.bucket = argv[2];
	s3.signer = (struct signer){argv[3], argv[4], argv[5]};
	serve(argc == 7 ? (int)strtol(argv[6], NULL, 10) : 0, dispatch);
	return 0;
}
