/* SPDX-License-Identifier: MIT */
#include "redis_hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEEDED "treadle needs Redis >= 7.0 or Valkey >= 7.2"

/* --- refusals ------------------------------------------------------------ */

static const struct refusal {
	const char *code; /* or the beginning of the text */
	bool is_passing;
	enum error_kind kind;
	const char *remedy;
} refusals[] = {
	{"LOADING", true, ERR_UNAVAILABLE, "it is still reading its data"},
	{"BUSY", true, ERR_UNAVAILABLE,
	 "a script runs too long: see SLOWLOG GET, then FUNCTION KILL"},
	{"READONLY", true, ERR_UNAVAILABLE,
	 "it is a replica: connect to its primary"},
	{"MASTERDOWN", true, ERR_UNAVAILABLE,
	 "it is a replica that lost its primary: connect to the primary"},
	{"MISCONF", true, ERR_UNAVAILABLE,
	 "it cannot save: look for a full disk, and into its log"},
	{"NOREPLICAS", true, ERR_UNAVAILABLE,
	 "too few replicas are connected: see min-replicas-to-write"},
	{"OOM", true, ERR_UNAVAILABLE,
	 "its memory is full: raise maxmemory, or keep finished runs shorter"},
	{"CLUSTERDOWN", true, ERR_UNAVAILABLE,
	 "the cluster is not whole: see CLUSTER INFO"},
	{"TRYAGAIN", true, ERR_UNAVAILABLE, "the cluster is moving this slot"},
	{"MOVED", false, ERR_UNAVAILABLE,
	 "another node of the cluster holds the data: connect to that one"},
	{"NOAUTH", false, ERR_USAGE,
	 "give a password in --redis-url or by --redis-password-file"},
	{"WRONGPASS", false, ERR_USAGE,
	 "correct the user or the password of --redis-url or "
	 "--redis-password-file"},
	{"NOPERM", false, ERR_USAGE,
	 "give the user the right to do this with ACL SETUSER"},
	{"DENIED", false, ERR_USAGE,
	 "give it a password, or bind it to an address that it may serve"},
	{"ERR max number of clients", false, ERR_UNAVAILABLE,
	 "raise maxclients, or look for idle ones with CLIENT LIST"},
	{"ERR unknown command", false, ERR_USAGE, NEEDED},
	{"ERR DB index", false, ERR_USAGE,
	 "there is no such database: see its setting databases"},
};

static const struct refusal *refusal_find(struct slice text)
{
	for (size_t i = 0; i < countof(refusals); i++) {
		size_t len = strlen(refusals[i].code);

		if (slice_starts(text, refusals[i].code) &&
		    (text.len == len || text.data[len] == ' '))
			return &refusals[i];
	}
	return NULL;
}

struct slice redis_refusal_code(struct slice text)
{
	return slice_cut(&text, ' ');
}

bool redis_refusal_is_passing(struct slice text)
{
	const struct refusal *r = refusal_find(text);

	return r && r->is_passing;
}

int redis_refusal_error(struct slice text, const struct redis_url *url,
			struct error *err)
{
	const struct refusal *r = refusal_find(text);
	int len = text.len < 300 ? (int)text.len : 300;

	error_set(err, r ? r->kind : ERR_UNAVAILABLE,
		  r ? "redis at %s refuses: %.*s (%s)"
		    : "redis at %s refuses: %.*s",
		  url->address.shown, len, text.data, r ? r->remedy : "");
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return -1;
}

/* --- the greeting -------------------------------------------------------- */

void redis_write_command(struct buf *out, struct command *c)
{
	buf_addf(out, "*%zu\r\n", c->count);
	buf_add(out, c->body.data, c->body.len);
	command_clear(c);
}

/* Redis wants no blanks in a name, and nothing unprintable. */
static void command_name(struct command *c, const char *name)
{
	char *clean = xstrdup(name);

	for (char *p = clean; *p; p++)
		if (*p <= ' ' || *p > '~')
			*p = '-';
	command_text(c, clean);
	free(clean);
}

void redis_hello_write(struct buf *out, const struct redis_url *url,
		       const char *password, const char *name, int *replies)
{
	struct command c;

	command_init(&c, "HELLO");
	command_int(&c, 2);
	if (password) {
		command_text(&c, "AUTH");
		command_text(&c, *url->user ? url->user : "default");
		command_text(&c, password);
	}
	command_text(&c, "SETNAME");
	command_name(&c, name);
	redis_write_command(out, &c);
	*replies = 1;
	if (!url->database)
		return;
	command_init(&c, "SELECT");
	command_int(&c, url->database);
	redis_write_command(out, &c);
	++*replies;
}

/* The value behind a name, as HELLO lists them one after the other. */
static const struct reply *member(const struct reply *reply, const char *name)
{
	static const struct reply none = {.type = REPLY_NIL, .text = {"", 0}};

	for (size_t i = 0; i + 1 < reply->count; i += 2)
		if (slice_is(reply->items[i].text, name))
			return &reply->items[i + 1];
	return &none;
}

static bool is_recent(struct slice server, struct slice version)
{
	struct slice major = slice_cut(&version, '.'),
		     minor = slice_cut(&version, '.');
	int64_t x = 0, y = 0;

	if (slice_int(major, 0, 1000000, &x) < 0)
		return false;
	if (slice_int(minor, 0, 1000000, &y) < 0)
		y = 0;
	if (slice_is(server, "valkey"))
		return x > 7 || (x == 7 && y >= 2);
	return x >= 7;
}

int redis_hello_read(const struct reply *reply, const struct redis_url *url,
		     int64_t *id, struct error *err)
{
	struct slice server, version, role;

	if (reply->type == REPLY_ERROR)
		return redis_refusal_error(reply->text, url, err);
	server = member(reply, "server")->text;
	version = member(reply, "version")->text;
	role = member(reply, "role")->text;
	if (server.len == 0 || version.len == 0)
		return error_set(err, ERR_USAGE,
				 "what answers at %s is not redis",
				 url->address.shown);
	if (!is_recent(server, version))
		return error_set(
			err, ERR_USAGE, "redis at %s is too old, %.*s: " NEEDED,
			url->address.shown, (int)version.len, version.data);
	if (slice_is(member(reply, "mode")->text, "sentinel"))
		return error_set(err, ERR_USAGE,
				 "what answers at %s is a sentinel: write "
				 "redis+sentinel://%s/NAME in --redis-url",
				 url->address.shown, url->address.shown);
	if (!slice_is(role, "master"))
		return error_set(
			err, ERR_UNAVAILABLE, "redis at %s is a replica: %s",
			url->address.shown,
			url->primary ? "a failover may be under way"
				     : "connect to its primary, by "
				       "--redis-url or TREADLE_REDIS_URL");
	*id = member(reply, "id")->integer;
	return 0;
}

int redis_select_read(const struct reply *reply, const struct redis_url *url,
		      struct error *err)
{
	if (reply->type == REPLY_ERROR)
		return redis_refusal_error(reply->text, url, err);
	return 0;
}
