/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "evaluator.h"

/*
 * The child's side of the evaluator: reads a question, answers it, until
 * there are no more. Whatever happens to it is noticed by the worker, so it
 * has no answer for trouble of its own but to end.
 */
#define MEMORY_MAX (512U << 20)
#define FILES_MAX 16
#define KEPT 64 /* templates, by id; a compiled one is some hundred KB */

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0 /* whose shadow needs terabytes of addresses */
#endif

struct kept {
	uint64_t id;
	struct template *template;
};

struct question {
	uint64_t id;
	struct slice source, scope;
};

static int read_all(void *bytes, size_t len)
{
	char *at = bytes;

	while (len) {
		ssize_t got = read(STDIN_FILENO, at, len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		len -= (size_t)got;
	}
	return 0;
}

static int write_all(const char *bytes, size_t len)
{
	while (len) {
		ssize_t done = write(STDOUT_FILENO, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		bytes += done;
		len -= (size_t)done;
	}
	return 0;
}

static int question_read(struct buf *frame, struct question *q)
{
	uint32_t len, source_len;
	const size_t head = sizeof(q->id) + sizeof(source_len);
	char *room;

	buf_reset(frame);
	if (read_all(&len, sizeof(len)) < 0 || len < head)
		return -1;
	room = buf_room(frame, len);
	if (!room || read_all(room, len) < 0)
		return -1;
	frame->len += len;
	memcpy(&q->id, room, sizeof(q->id));
	memcpy(&source_len, room + sizeof(q->id), sizeof(source_len));
	must(source_len <= len - head);
	q->source = (struct slice){room + head, source_len};
	q->scope = (struct slice){room + head + source_len,
				  len - head - source_len};
	return 0;
}

static struct template *find_template(struct kept *kept,
				      const struct question *q,
				      struct error *err)
{
	struct kept *k = &kept[q->id % KEPT];
	jv source;

	if (k->template && k->id == q->id)
		return k->template;
	template_free(k->template);
	k->template = NULL;
	if (msgpack_parse(q->source, &source, err) < 0)
		return NULL;
	k->template = template_new(source, false, err);
	k->id = q->id;
	jv_free(source);
	return k->template;
}

static int evaluate(struct kept *kept, const struct question *q,
		    struct buf *out, struct error *err)
{
	struct template *t = find_template(kept, q, err);
	jv scope, value;
	int result;

	if (!t || msgpack_parse(q->scope, &scope, err) < 0)
		return -1;
	result = template_expand(t, scope, &value, err);
	jv_free(scope);
	if (result < 0)
		return -1;
	result = msgpack_print(value, out);
	jv_free(value);
	if (result < 0 || out->is_full)
		return error_set(err, ERR_INPUT,
				 "the value of the expression is too large or "
				 "nested too deeply");
	return 0;
}

static void answer(struct kept *kept, const struct question *q, struct buf *out)
{
	const size_t head = sizeof(uint32_t) + 1;
	struct error err;
	uint32_t len = 0;

	buf_reset(out);
	buf_add(out, &len, sizeof(len));
	buf_addc(out, 1);
	if (evaluate(kept, q, out, &err) < 0) {
		out->len = head;
		out->is_full = false;
		out->data[head - 1] = 0;
		buf_adds(out, err.text);
	}
	len = (uint32_t)(out->len - sizeof(len));
	memcpy(out->data, &len, sizeof(len));
}

static void confine(void)
{
	struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};
	struct rlimit files = {FILES_MAX, FILES_MAX};

	if (!HAS_ASAN)
		setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_NOFILE, &files);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int evaluator_main(void)
{
	static struct kept kept[KEPT];
	char key[TEMPLATE_KEY_LEN + 1] = "";
	struct question q;
	struct buf in, out;

	confine();
	if (read_all(key, TEMPLATE_KEY_LEN) < 0)
		return 0;
	template_set_key(key);
	buf_init(&in, EVALUATOR_VALUE_MAX);
	buf_init(&out, EVALUATOR_VALUE_MAX);
	while (question_read(&in, &q) == 0) {
		answer(kept, &q, &out);
		if (write_all(out.data, out.len) < 0)
			break;
		/* What was large once need not stay. */
		if (in.cap > (1 << 20))
			buf_clear(&in);
		if (out.cap > (1 << 20))
			buf_clear(&out);
	}
	for (int i = 0; i < KEPT; i++)
		template_free(kept[i].template);
	buf_clear(&in);
	buf_clear(&out);
	return 0;
}
