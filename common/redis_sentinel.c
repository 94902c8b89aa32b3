/* SPDX-License-Identifier: MIT */
#include "redis_sentinel.h"

#include "redis_hello.h"

void redis_sentinel_write(struct buf *out, const struct redis_url *url,
			  const char *user, const char *password, int *replies)
{
	struct command c;

	*replies = 1;
	if (*user || *password) {
		command_init(&c, "AUTH");
		if (*user)
			command_text(&c, user);
		command_text(&c, password);
		redis_write_command(out, &c);
		++*replies;
	}
	command_init(&c, "SENTINEL");
	command_text(&c, "GET-MASTER-ADDR-BY-NAME");
	command_text(&c, url->primary);
	redis_write_command(out, &c);
}

static const struct {
	const char *beginning;
	enum error_kind kind;
	const char *remedy;
} refusals[] = {
	{"NOAUTH ", ERR_USAGE,
	 " (give its password by --redis-sentinel-password-file)"},
	{"WRONGPASS ", ERR_USAGE,
	 " (correct what --redis-sentinel-password-file holds, or "
	 "--redis-sentinel-user)"},
	{"ERR AUTH ", ERR_USAGE,
	 " (it wants none: remove --redis-sentinel-password-file)"},
	{"NOPERM ", ERR_USAGE, " (let it do this with ACL SETUSER)"},
	{"ERR unknown command", ERR_USAGE,
	 " (it is none: name sentinels in --redis-url, or write redis://)"},
	{"", ERR_UNAVAILABLE, ""},
};

static int refused(struct slice text, const struct redis_address *sentinel,
		   struct error *err)
{
	size_t i = 0;

	while (!slice_starts(text, refusals[i].beginning))
		i++;
	error_set(err, refusals[i].kind, "sentinel at %s refuses: %.*s%s",
		  sentinel->shown, text.len < 200 ? (int)text.len : 200,
		  text.data, refusals[i].remedy);
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return -1;
}

int redis_sentinel_read(const struct reply *reply, struct redis_url *url,
			const struct redis_address *sentinel, struct error *err)
{
	if (reply->type == REPLY_ERROR)
		return refused(reply->text, sentinel, err);
	if (reply->type == REPLY_NIL)
		return error_set(err, ERR_USAGE,
				 "sentinel at %s knows no \"%s\": correct the "
				 "name in --redis-url (SENTINEL MASTERS lists "
				 "those it knows)",
				 sentinel->shown, url->primary);
	if (reply->type == REPLY_ARRAY && reply->count == 2 &&
	    redis_url_set_address(url, reply->items[0].text,
				  reply->items[1].text))
		return 0;
	return error_set(err, ERR_UNAVAILABLE,
			 "sentinel at %s answers what is no address: is it "
			 "one?",
			 sentinel->shown);
}
