/* SPDX-License-Identifier: MIT */
#include "treadle/store_cache.h"

#include "store_call.h"

static bool read_recall(struct store_call *call, const struct reply *reply,
			const struct redis_failure *failure)
{
	if (failure) {
		call->to.recall(call->arg, NULL, 0, failure);
		return true;
	}
	if (reply->type != REPLY_ARRAY || reply->count != call->count)
		return false;
	for (size_t i = 0; i < reply->count; i++)
		if (reply->items[i].type != REPLY_TEXT &&
		    reply->items[i].type != REPLY_NIL)
			return false;
	call->to.recall(call->arg, reply->items, reply->count, NULL);
	return true;
}

void store_recall(struct store *s, const struct recollection *asked,
		  size_t count, store_recall_fn *on_recalled, void *arg)
{
	struct store_call call = {.function = STORE_recall,
				  .count = count,
				  .read = read_recall,
				  .to.recall = on_recalled,
				  .arg = arg};
	struct command c;

	store_begin(s, STORE_recall, &c);
	for (size_t i = 0; i < count; i++) {
		command_text(&c, asked[i].run);
		command_text(&c, asked[i].key);
	}
	store_send(s, &c, &call, -1);
}

static bool read_remember(struct store_call *call, const struct reply *reply,
			  const struct redis_failure *failure)
{
	bool has_room = reply && slice_is(reply->text, "KEPT");

	if (reply && !has_room && !slice_is(reply->text, "FULL"))
		return false;
	call->to.remember(call->arg, has_room, failure);
	return true;
}

void store_remember(struct store *s, const struct memory *kept, size_t count,
		    store_remember_fn *on_kept, void *arg)
{
	struct store_call call = {.function = STORE_remember,
				  .read = read_remember,
				  .to.remember = on_kept,
				  .arg = arg};
	struct command c;

	store_begin(s, STORE_remember, &c);
	for (size_t i = 0; i < count; i++) {
		command_text(&c, kept[i].key);
		command_int(&c, kept[i].ttl_ms);
		command_text(&c, kept[i].run);
		command_text(&c, kept[i].step);
		command_slice(&c, kept[i].output);
	}
	store_send(s, &c, &call, -1);
}
