/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

/*
 * Replies come in the order in which commands were sent, over all worlds: so
 * one line of expectations is enough.
 */
struct expectation {
	on_reply_fn *on_reply;
	struct world *world;
	int number;
};

static struct {
	struct expectation *ring;
	size_t size; /* a power of two */
	int64_t begun, ended;
} line;

int64_t expect_mark(void)
{
	return line.ended;
}

static void grow(void)
{
	size_t size = line.size ? line.size * 2 : 4096;
	struct expectation *ring = xmalloc(size * sizeof(*ring));

	for (int64_t i = line.begun; i < line.ended; i++)
		ring[(size_t)i & (size - 1)] =
			line.ring[(size_t)i & (line.size - 1)];
	free(line.ring);
	line.ring = ring;
	line.size = size;
}

void expect(struct world *w, on_reply_fn *on_reply, int number)
{
	if (line.ended - line.begun == (int64_t)line.size)
		grow();
	line.ring[(size_t)line.ended++ & (line.size - 1)] =
		(struct expectation){on_reply, w, number};
}

void expect_all(struct connection *c, int64_t until)
{
	while (line.begun < until) {
		const struct reply *reply = connection_read(c);
		struct expectation e =
			line.ring[(size_t)line.begun++ & (line.size - 1)];

		if (!e.world->has_failed)
			e.on_reply(e.world, reply, e.number);
	}
}

void expect_end(void)
{
	free(line.ring);
	memset(&line, 0, sizeof(line));
}
