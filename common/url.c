/* SPDX-License-Identifier: MIT */
#include "treadle/url.h"

#include <string.h>

struct slice url_after_scheme(const char *text)
{
	const char *colon = strstr(text, "://");

	return slice_of(colon ? colon + 3 : text);
}

bool url_cut_user(struct slice *rest, struct slice *user)
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

void url_mask(const char *text, struct buf *out)
{
	struct slice rest = url_after_scheme(text), secret, shown;

	buf_add(out, text, (size_t)(rest.data - text));
	if (url_cut_user(&rest, &secret)) {
		if (memchr(secret.data, ':', secret.len)) {
			shown = slice_cut(&secret, ':');
			buf_add(out, shown.data, shown.len);
			buf_addc(out, ':');
		}
		buf_adds(out, "***@");
	}
	secret = rest;
	shown = slice_cut(&secret, '?');
	if (slice_starts(secret, "db="))
		shown = rest;
	buf_add(out, shown.data, shown.len);
	if (shown.len < rest.len)
		buf_adds(out, "?***");
}
