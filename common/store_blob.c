/* SPDX-License-Identifier: MIT */
#include "treadle/store_blob.h"

#include "store_call.h"
#include "treadle/blob.h"

static bool read_hold(struct store_call *call, const struct reply *reply,
		      const struct redis_failure *failure)
{
	struct slice name = SLICE("");

	if (reply && (reply->type != REPLY_ARRAY || reply->count != 1))
		return false;
	if (reply && blob_name_is_valid(reply->items[0].text))
		name = reply->items[0].text;
	call->to.hold(call->arg, name, failure);
	return true;
}

void store_hold(struct store *s, const char *worker, const struct step_ref *ref,
		const char *sha256, store_hold_fn *on_held, void *arg)
{
	struct store_call call = {.function = STORE_hold,
				  .read = read_hold,
				  .to.hold = on_held,
				  .arg = arg};
	struct command c;

	store_begin(s, STORE_hold, &c);
	command_text(&c, worker);
	command_text(&c, ref->entry);
	command_text(&c, ref->run);
	command_text(&c, ref->step);
	command_int(&c, ref->attempt);
	command_text(&c, sha256);
	store_send(s, &c, &call, -1);
}
