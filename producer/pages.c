/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"

static void set_cursor(struct pages *p, struct slice cursor)
{
	must(cursor.len < sizeof(p->next));
	memcpy(p->next, cursor.data, cursor.len);
	p->next[cursor.len] = '\0';
	p->args[p->cursor] = slice_of(p->next);
}

int pages_begin(struct pages *p, const struct call *c, struct error *err)
{
	struct slice cursor = slice_of(call_text(c, "--cursor", ""));

	for (size_t i = 0; i < cursor.len; i++) {
		if (!strchr("0123456789abcdefghijklmnopqrstuvwxyz-",
			    cursor.data[i]))
			cursor.len = sizeof(p->next);
	}
	if (cursor.len >= sizeof(p->next))
		return error_set(err, ERR_INPUT,
				 "--cursor %.64s: not one that a list ended "
				 "with",
				 cursor.data);
	set_cursor(p, cursor);
	bar_begin(&p->bar, &c->talk, "searched");
	return 0;
}

static int each_item(struct pages *p, jv answer,
		     int (*on_item)(void *arg, jv item), void *arg)
{
	int count = answer_count(answer, p->member);
	int rc = 0;

	p->searched += answer_int(answer, "examined", 0);
	if (count > 0)
		bar_end(&p->bar);
	else
		bar_update(&p->bar, p->searched, -1);
	for (int i = 0; i < count && rc == 0; i++)
		rc = on_item(arg, answer_item(answer, p->member, i));
	p->left -= count;
	set_cursor(p, answer_text(answer, "cursor"));
	return rc;
}

int pages_each(struct pages *p, int64_t limit,
	       int (*on_item)(void *arg, jv item), void *arg, struct error *err)
{
	int rc = 0;

	p->left = limit;
	p->searched = 0;
	while (rc == 0 && p->left > 0) {
		jv answer;
		snprintf(p->page, sizeof(p->page), "%d",
			 (int)(p->left < PAGE_MAX ? p->left : PAGE_MAX));
		p->args[p->limit] = slice_of(p->page);
		rc = dialogue_ask(p->dialogue, p->function, p->args,
				  p->args_count, &answer, err);
		if (rc == 0)
			rc = each_item(p, answer, on_item, arg);
		jv_free(answer);
		if (!*p->next)
			break;
	}
	bar_end(&p->bar);
	return rc;
}

void pages_end(const struct pages *p, const struct call *c, const char *what)
{
	if (!*p->next)
		return;
	if (c->is_json) {
		output_printf(&c->out, "{\"cursor\":\"%s\"}\n", p->next);
		return;
	}
	output_printf(&c->talk, "there may be more: %s --cursor %s\n", what,
		      p->next);
}
