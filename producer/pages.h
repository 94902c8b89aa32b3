/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_PAGES_H
#define PRODUCER_PAGES_H

#include "bar.h"
#include "call.h"
#include "dialogue.h"

/*
 * Long lists, a page at a time: what `list` and `dead` have in common.
 *
 * The library examines a bounded number of entries in one call; so a page
 * may be short, or empty, and yet not be the last. Memory holds one page.
 * Where finding takes long, a line on the terminal says how far it has come.
 */
#define PAGE_MAX 500

struct pages {
	struct dialogue *dialogue;
	enum store_function function;
	const char *member;   /* of the answer, that holds the items */
	struct slice args[8]; /* arguments of the function */
	size_t args_count;
	size_t cursor, limit; /* which of them these two are */
	int64_t left;         /* items still wanted */
	int64_t searched;     /* items that were looked at */
	struct bar bar;
	char next[64]; /* the cursor; "" at the end */
	char page[8];  /* the limit, as text */
};

/*
 * Calls on_item(arg, item) for each item, the newest first, until so many
 * were found or on_item returns other than 0. Afterwards p->next is where to
 * go on. 0, -1 and err, CALL_EXPLAINED, or what on_item returned.
 */
int pages_each(struct pages *p, int64_t limit,
	       int (*on_item)(void *arg, jv item), void *arg,
	       struct error *err);

/* "--cursor" given by the user; and on the talk, how to see what follows. */
int pages_begin(struct pages *p, const struct call *c, struct error *err);
void pages_end(const struct pages *p, const struct call *c, const char *what);

#endif
