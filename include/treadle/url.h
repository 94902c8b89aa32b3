/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_URL_H
#define TREADLE_URL_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * What URLs have in common: scheme://[user[:password]@]rest[?parameters]. They
 * need not be well-formed.
 */
struct slice url_after_scheme(const char *text);

/*
 * Takes what stands before the last '@' off rest: a password may hold more of
 * them. So may the path of a socket, before which nobody stands.
 */
bool url_cut_user(struct slice *rest, struct slice *user);

/*
 * Appends text with "***" for secrets. Without a colon what stands before the
 * '@' may be a password as well as a user, and parameters may hold one: then
 * nothing of it is shown.
 */
void url_mask(const char *text, struct buf *out);

#endif
