/* SPDX-License-Identifier: MIT */
#include "resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/arena.h"

/*
 * hiredis stays in this file. Of it we use the parser alone, with functions
 * that build our replies. Its interface changed between 0.14 and 1.0: array
 * sizes became size_t, arrays may nest for as long as memory lasts, and RESP 3
 * brought types that we refuse.
 */
#define ITEMS_AT_FIRST 1024 /* a power of two */

struct resp_reader {
	redisReader *parser;
	struct arena arena; /* of the reply under construction */
	struct reply root;
	size_t text, items;    /* used by this reply */
	bool is_given;         /* root was handed out; begin anew */
	const char *complaint; /* why we refused; then for good */
};

/* --- building ------------------------------------------------------------ */

/*
 * An array gets room as its items come: its header alone, a few bytes that
 * anyone can send, must not cost us what it promises. No item of an array is
 * pointed at any more when the next one comes, so they may be moved.
 */
static void make_room(struct resp_reader *r, struct reply *array, size_t i)
{
	size_t size = i ? 2 * i : ITEMS_AT_FIRST;
	struct reply *items;

	if (i && (i < ITEMS_AT_FIRST || (i & (i - 1))))
		return;
	if (size > array->count)
		size = array->count;
	items = arena_alloc(&r->arena, size * sizeof(*items));
	if (i)
		memcpy(items, array->items, i * sizeof(*items));
	array->items = items;
}

/* Where the task's reply goes: into its parent's items, or it is the root. */
static struct reply *place(const redisReadTask *task)
{
	struct resp_reader *r = task->privdata;
	struct reply *reply = &r->root, *parent;

	if (task->parent) {
		parent = task->parent->obj;
		make_room(r, parent, (size_t)task->idx);
		reply = &parent->items[task->idx];
	}
	*reply = (struct reply){.type = REPLY_NIL, .text = SLICE("")};
	return reply;
}

static void *build_text(const redisReadTask *task, char *bytes, size_t len)
{
	struct resp_reader *r = task->privdata;
	struct reply *reply = place(task);

	switch (task->type) {
	case REDIS_REPLY_STRING:
		reply->type = REPLY_TEXT;
		break;
	case REDIS_REPLY_STATUS:
		reply->type = REPLY_STATUS;
		break;
	case REDIS_REPLY_ERROR:
		reply->type = REPLY_ERROR;
		break;
	default:
		r->complaint = "a type of RESP 3";
		return NULL;
	}
	if (len > RESP_TEXT_MAX - r->text) {
		r->complaint = "a reply of more than 512 MiB";
		return NULL;
	}
	r->text += len;
	reply->text = arena_copy(&r->arena, (struct slice){bytes, len});
	return reply;
}

static void *build_items(const redisReadTask *task, size_t count)
{
	struct resp_reader *r = task->privdata;
	struct reply *reply = place(task);
	const redisReadTask *parent;
	int depth = 1;

	if (task->type != REDIS_REPLY_ARRAY) {
		r->complaint = "a type of RESP 3";
		return NULL;
	}
	for (parent = task->parent; parent; parent = parent->parent)
		depth++;
	if (depth > RESP_DEPTH_MAX) {
		r->complaint = "a reply nested more than 7 deep";
		return NULL;
	}
	if (count > RESP_ITEMS_MAX - r->items) {
		r->complaint = "a reply of more than 16777216 items";
		return NULL;
	}
	r->items += count;
	reply->type = REPLY_ARRAY;
	reply->count = count;
	return reply;
}

#if HIREDIS_MAJOR >= 1
static void *build_array(const redisReadTask *task, size_t count)
{
	return build_items(task, count);
}

static void *refuse_double(const redisReadTask *task, double number, char *text,
			   size_t len)
{
	struct resp_reader *r = task->privdata;

	(void)number, (void)text, (void)len;
	r->complaint = "a type of RESP 3";
	return NULL;
}

static void *refuse_bool(const redisReadTask *task, int truth)
{
	struct resp_reader *r = task->privdata;

	(void)truth;
	r->complaint = "a type of RESP 3";
	return NULL;
}
#else
static void *build_array(const redisReadTask *task, int count)
{
	return build_items(task, (size_t)count);
}
#endif

static void *build_integer(const redisReadTask *task, long long number)
{
	struct reply *reply = place(task);

	reply->type = REPLY_INTEGER;
	reply->integer = number;
	return reply;
}

static void *build_nil(const redisReadTask *task)
{
	return place(task);
}

/* The arena frees. */
static void free_nothing(void *reply)
{
	(void)reply;
}

static redisReplyObjectFunctions builders = {
	.createString = build_text,
	.createArray = build_array,
	.createInteger = build_integer,
	.createNil = build_nil,
	.freeObject = free_nothing,
#if HIREDIS_MAJOR >= 1
	.createDouble = refuse_double,
	.createBool = refuse_bool,
#endif
};

/* --- reading ------------------------------------------------------------- */

struct resp_reader *resp_reader_new(void)
{
	struct resp_reader *r = xcalloc(1, sizeof(*r));

	r->parser = redisReaderCreateWithFunctions(&builders);
	must_afford(r->parser);
	r->parser->privdata = r;
	r->parser->maxbuf = 4 * RESP_FEED_MAX;
	arena_init(&r->arena);
	return r;
}

void resp_reader_free(struct resp_reader *r)
{
	if (!r)
		return;
	redisReaderFree(r->parser);
	arena_clear(&r->arena);
	free(r);
}

void resp_reader_feed(struct resp_reader *r, struct slice bytes)
{
	/* An error is remembered by the parser: next() will report it. */
	redisReaderFeed(r->parser, bytes.data, bytes.len);
}

/*
 * hiredis waits for a text however long its header says it is, and for a
 * line however long it gets. We don't. What it has not consumed begins
 * behind the type byte: a whole line there can only be the header of a text
 * that has not come in full.
 */
static int check_unread(struct resp_reader *r)
{
	const redisReader *p = r->parser;
	struct slice unread = {p->buf + p->pos, p->len - p->pos}, line;
	const char *end;
	int64_t len;

	if (unread.len == 0)
		return 0;
	end = memchr(unread.data, '\r',
		     unread.len < RESP_LINE_MAX ? unread.len : RESP_LINE_MAX);
	if (!end || end + 1 == unread.data + unread.len || end[1] != '\n') {
		if (unread.len < RESP_LINE_MAX)
			return 0;
		r->complaint = "a line of more than 1 MiB";
		return -1;
	}
	line = (struct slice){unread.data, (size_t)(end - unread.data)};
	if (slice_int(line, 0, INT64_MAX, &len) == 0 &&
	    (uint64_t)len > RESP_TEXT_MAX - r->text) {
		r->complaint = "a reply of more than 512 MiB";
		return -1;
	}
	return 0;
}

static void begin_reply(struct resp_reader *r)
{
	arena_reset(&r->arena);
	r->text = r->items = 0;
	r->is_given = false;
}

int resp_reader_next(struct resp_reader *r, const struct reply **reply,
		     struct error *err)
{
	void *built = NULL;
	const char *why;

	if (r->is_given)
		begin_reply(r);
	if (!r->complaint &&
	    redisReaderGetReply(r->parser, &built) == REDIS_OK) {
		if (built) {
			*reply = built;
			r->is_given = true;
			return 1;
		}
		if (check_unread(r) == 0)
			return 0;
	}
	why = r->complaint ? r->complaint : r->parser->errstr;
	return error_set(err, ERR_UNAVAILABLE, "not a reply of redis: %s", why);
}

/* --- commands ------------------------------------------------------------ */

/*
 * Redis takes 512 MiB in one argument and 1 GiB in one command; we stay below
 * both. What does not fit makes the body full, and redis_call() refuses it.
 */
#define COMMAND_MAX ((size_t)512 << 20)
#define HEADER_MAX 24 /* "$", 20 digits, "\r\n" */

void command_init(struct command *c, const char *name)
{
	buf_init(&c->body, COMMAND_MAX);
	c->count = 0;
	command_text(c, name);
}

/* Writes number's digits so that they end before end; returns the first. */
static char *digits_before(char *end, uint64_t number)
{
	do {
		*--end = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return end;
}

void command_slice(struct command *c, struct slice bytes)
{
	char header[HEADER_MAX], *end = header + sizeof(header) - 2, *begin;
	size_t len;
	char *room;

	begin = digits_before(end, bytes.len);
	*--begin = '$';
	memcpy(end, "\r\n", 2);
	len = (size_t)(end + 2 - begin);
	room = bytes.len < COMMAND_MAX ? buf_room(&c->body, len + bytes.len + 2)
				       : NULL;
	c->count++;
	if (!room) {
		c->body.is_full = true;
		return;
	}
	memcpy(room, begin, len);
	memcpy(room + len, bytes.data, bytes.len);
	memcpy(room + len + bytes.len, "\r\n", 2);
	c->body.len += len + bytes.len + 2;
}

void command_text(struct command *c, const char *text)
{
	command_slice(c, slice_of(text));
}

void command_int(struct command *c, int64_t number)
{
	char text[HEADER_MAX], *end = text + sizeof(text), *begin;
	uint64_t size = number < 0 ? -(uint64_t)number : (uint64_t)number;

	begin = digits_before(end, size);
	if (number < 0)
		*--begin = '-';
	command_slice(c, (struct slice){begin, (size_t)(end - begin)});
}

void command_clear(struct command *c)
{
	buf_clear(&c->body);
	c->count = 0;
}
