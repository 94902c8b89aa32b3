/* SPDX-License-Identifier: MIT */
#include "redis_url.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PORT 6379
#define FORMS "redis://[user:password@]host[:port][/database] or unix:///path"

/*
 * Takes what stands before the last '@' off rest: a password may hold more of
 * them. So may the path of a socket, before which nobody stands.
 */
static bool cut_user(struct slice *rest, struct slice *user)
{
	const char *at = memrchr(rest->data, '@', rest->len);
	size_t len;

	if (!at || slice_starts(*rest, "/"))
		return false;
	len = (size_t)(at - rest->data);
	*user = (struct slice){rest->data, len};
	*rest = (struct slice){at + 1, rest->len - len - 1};
	return true;
}

static struct slice after_scheme(const char *text)
{
	const char *colon = strstr(text, "://");

	return slice_of(colon ? colon + 3 : text);
}

/* Without a colon it may be a password as well as a user: nothing is shown. */
void redis_url_mask(const char *text, struct buf *out)
{
	struct slice rest = after_scheme(text), secret, user;

	buf_add(out, text, (size_t)(rest.data - text));
	if (cut_user(&rest, &secret)) {
		if (memchr(secret.data, ':', secret.len)) {
			user = slice_cut(&secret, ':');
			buf_add(out, user.data, user.len);
			buf_addc(out, ':');
		}
		buf_adds(out, "***@");
	}
	buf_add(out, rest.data, rest.len);
}

static int refuse(const char *text, struct error *err, const char *why)
{
	struct buf masked;

	buf_init(&masked, 256);
	redis_url_mask(text, &masked);
	error_set(err, ERR_USAGE, "redis url \"%s\": %s; write " FORMS,
		  masked.data, why);
	buf_clear(&masked);
	return -1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes percent-encoding; NULL where it is malformed or hides a NUL. */
static char *decode(struct slice s)
{
	char *text = xmalloc(s.len + 1), *to = text;
	size_t i = 0;

	while (i < s.len) {
		int high, low, c = (unsigned char)s.data[i++];

		if (c == '%') {
			high = i < s.len ? hex_digit(s.data[i]) : -1;
			low = i + 1 < s.len ? hex_digit(s.data[i + 1]) : -1;
			c = high < 0 || low < 0 ? 0 : high * 16 + low;
			i += 2;
		}
		if (!c) {
			free(text);
			return NULL;
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return text;
}

static const char *parse_user(struct slice *rest, struct redis_url *u)
{
	struct slice user, password;
	bool has_password;

	if (!cut_user(rest, &password)) {
		u->user = xstrdup("");
		return NULL;
	}
	has_password = memchr(password.data, ':', password.len);
	user = slice_cut(&password, ':');
	u->user = decode(user);
	if (has_password)
		u->password = decode(password);
	if (!u->user || (has_password && !u->password))
		return "user or password is not well percent-encoded";
	return NULL;
}

static const char *parse_database(struct slice text, struct redis_url *u)
{
	int64_t number = 0;

	if (text.len && slice_int(text, 0, 999999, &number) < 0)
		return "the database is not a number";
	u->database = (int)number;
	return NULL;
}

static const char *parse_path(struct slice rest, struct redis_url *u)
{
	struct slice path = slice_cut(&rest, '?');

	if (!slice_starts(path, "/"))
		return "the path of the socket must begin with a slash";
	if (path.len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return "the path of the socket is too long";
	u->path = xmemdup(path.data, path.len);
	u->shown = xstrdup(u->path);
	if (rest.len == 0)
		return NULL;
	if (!slice_is(slice_cut(&rest, '='), "db"))
		return "only ?db=NUMBER may follow the path";
	return parse_database(rest, u);
}

/* Takes "host" or "[address]" off rest, up to its port. */
static const char *parse_host(struct slice *rest, struct redis_url *u)
{
	struct slice host;

	if (slice_starts(*rest, "[")) {
		if (!memchr(rest->data, ']', rest->len))
			return "the address lacks its closing bracket";
		host = slice_cut(rest, ']');
		host.data++, host.len--;
		if (rest->len && *rest->data != ':')
			return "a port follows its address with a colon";
		slice_cut(rest, ':');
	} else {
		host = slice_cut(rest, ':');
	}
	if (host.len == 0)
		return "the host is missing";
	if (host.len > 253 || memchr(host.data, '%', host.len))
		return "the host is not a name or an address";
	u->host = xmemdup(host.data, host.len);
	return NULL;
}

static const char *parse_address(struct slice rest, struct redis_url *u)
{
	struct slice address = slice_cut(&rest, '/');
	const char *why = parse_host(&address, u);
	int64_t port = PORT;

	if (why)
		return why;
	if (address.len && slice_int(address, 1, 65535, &port) < 0)
		return "the port is not a number from 1 to 65535";
	u->port = (int)port;
	u->shown = xasprintf(strchr(u->host, ':') ? "[%s]:%d" : "%s:%d",
			     u->host, u->port);
	return parse_database(rest, u);
}

int redis_url_parse(const char *text, struct redis_url *u, struct error *err)
{
	struct slice rest = after_scheme(text);
	const char *why;

	*u = (struct redis_url){0};
	if (strncmp(text, "rediss://", 9) == 0)
		return refuse(text, err,
			      "TLS is not spoken, put a tunnel in between");
	if (strncmp(text, "redis://", 8) && strncmp(text, "unix://", 7))
		return refuse(text, err, "it begins with neither scheme");
	why = parse_user(&rest, u);
	if (!why)
		why = *text == 'u' ? parse_path(rest, u)
				   : parse_address(rest, u);
	if (!why)
		return 0;
	redis_url_clear(u);
	return refuse(text, err, why);
}

void redis_url_clear(struct redis_url *u)
{
	free(u->host);
	free(u->path);
	free(u->user);
	free(u->password);
	free(u->shown);
	*u = (struct redis_url){0};
}
