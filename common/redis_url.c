/* SPDX-License-Identifier: MIT */
#include "redis_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "treadle/url.h"

#define REDIS_PORT 6379
#define SENTINEL_PORT 26379
#define FORMS                                                                  \
	"redis://[user:password@]host[:port][/db], unix:///path, or "          \
	"redis+sentinel://[user:password@]host[:port],.../primary[/db]"

static int refuse(const char *text, struct error *err, const char *why)
{
	struct buf masked;

	buf_init(&masked, 256);
	url_mask(text, &masked);
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

	if (!url_cut_user(rest, &password)) {
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
	u->address.path = xmemdup(path.data, path.len);
	u->address.shown = xstrdup(u->address.path);
	u->address.what = "redis";
	if (rest.len == 0)
		return NULL;
	if (!slice_is(slice_cut(&rest, '='), "db"))
		return "only ?db=NUMBER may follow the path";
	return parse_database(rest, u);
}

static const char *set_host(struct redis_address *a, struct slice host)
{
	bool is_good = host.len <= 253;

	if (host.len == 0)
		return "the host is missing";
	for (size_t i = 0; i < host.len; i++)
		is_good &= (unsigned char)host.data[i] > ' ' &&
			   !strchr("%\177", host.data[i]);
	if (!is_good)
		return "the host is not a name or an address";
	a->host = xmemdup(host.data, host.len);
	return NULL;
}

static const char *set_port(struct redis_address *a, struct slice text)
{
	int64_t port = a->port;

	if (text.len && slice_int(text, 1, 65535, &port) < 0)
		return "the port is not a number from 1 to 65535";
	a->port = (int)port;
	a->shown = xasprintf(strchr(a->host, ':') ? "[%s]:%d" : "%s:%d",
			     a->host, a->port);
	return NULL;
}

/* "host", "host:port", "[address]" or "[address]:port"; a has the default. */
static const char *parse_address(struct slice rest, struct redis_address *a)
{
	struct slice host;
	const char *why;

	if (slice_starts(rest, "[")) {
		if (!memchr(rest.data, ']', rest.len))
			return "the address lacks its closing bracket";
		host = slice_cut(&rest, ']');
		host.data++, host.len--;
		if (rest.len && *rest.data != ':')
			return "a port follows its address with a colon";
		slice_cut(&rest, ':');
	} else {
		host = slice_cut(&rest, ':');
	}
	why = set_host(a, host);
	return why ? why : set_port(a, rest);
}

static const char *parse_redis(struct slice rest, struct redis_url *u)
{
	struct slice address = slice_cut(&rest, '/');
	const char *why;

	u->address.port = REDIS_PORT;
	u->address.what = "redis";
	why = parse_address(address, &u->address);
	return why ? why : parse_database(rest, u);
}

/* Sentinel takes no others into a name. */
static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.data[i]) &&
		    !memchr(".-_", s.data[i], 3))
			return false;
	return s.len > 0;
}

static const char *parse_sentinels(struct slice rest, struct redis_url *u)
{
	struct slice hosts = slice_cut(&rest, '/'),
		     name = slice_cut(&rest, '/');
	struct redis_address *a;
	size_t count = 1;
	const char *why;

	for (size_t i = 0; i < hosts.len; i++)
		count += hosts.data[i] == ',';
	u->sentinels = xcalloc(count, sizeof(*u->sentinels));
	while (u->sentinel_count < count) {
		a = &u->sentinels[u->sentinel_count++];
		a->port = SENTINEL_PORT;
		a->what = "sentinel";
		why = parse_address(slice_cut(&hosts, ','), a);
		if (why)
			return why;
	}
	if (!is_name(name))
		return "after the sentinels comes the name that they know the "
		       "primary by, of letters, digits, and .-_";
	u->primary = xmemdup(name.data, name.len);
	return parse_database(rest, u);
}

static const struct scheme {
	const char *prefix;
	const char *(*parse)(struct slice rest, struct redis_url *u);
} schemes[] = {
	{"redis://", parse_redis},
	{"unix://", parse_path},
	{"redis+sentinel://", parse_sentinels},
};

static const struct scheme *scheme_find(const char *text)
{
	for (size_t i = 0; i < countof(schemes); i++)
		if (strncmp(text, schemes[i].prefix,
			    strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	return NULL;
}

int redis_url_parse(const char *text, struct redis_url *u, struct error *err)
{
	const struct scheme *scheme = scheme_find(text);
	struct slice rest = url_after_scheme(text);
	const char *why;

	*u = (struct redis_url){0};
	if (strncmp(text, "rediss://", 9) == 0 ||
	    strncmp(text, "rediss+", 7) == 0)
		return refuse(text, err,
			      "TLS is not spoken, put a tunnel in between");
	if (!scheme)
		return refuse(text, err, "it begins with no scheme of ours");
	why = parse_user(&rest, u);
	if (!why)
		why = scheme->parse(rest, u);
	if (!why)
		return 0;
	redis_url_clear(u);
	return refuse(text, err, why);
}

static void clear_address(struct redis_address *a)
{
	free(a->host);
	free(a->path);
	free(a->shown);
	*a = (struct redis_address){0};
}

void redis_url_clear(struct redis_url *u)
{
	clear_address(&u->address);
	free(u->user);
	free(u->password);
	free(u->primary);
	for (size_t i = 0; i < u->sentinel_count; i++)
		clear_address(&u->sentinels[i]);
	free(u->sentinels);
	*u = (struct redis_url){0};
}

bool redis_url_set_address(struct redis_url *u, struct slice host,
			   struct slice port)
{
	struct redis_address a = {.what = "redis"};
	char *shown;

	if (set_host(&a, host) || port.len == 0 || set_port(&a, port)) {
		clear_address(&a);
		return false;
	}
	shown = xasprintf("%s (%s)", a.shown, u->primary);
	free(a.shown);
	a.shown = shown;
	clear_address(&u->address);
	u->address = a;
	return true;
}
