/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BLOB_H
#define TREADLE_BLOB_H

#include "treadle/crypto.h"
#include "treadle/text.h"

/*
 * Big values: outputs that are kept outside of Redis, and the references to
 * them. Where they are kept: blobs.h.
 *
 * A blob is named by what is in it, and by the run that held it first: the
 * SHA-256, a hyphen, the run. So equal outputs of many runs are one blob as
 * long as any of these runs is there; and once they are gone that name never
 * comes again: whoever deletes it late deletes nothing that is needed.
 *
 * A reference stands where an output would, as a msgpack extension of type
 * BLOB_TYPE: "<name> <bytes>". What handlers yield is never written as an
 * extension, so nothing that they say can pass for a reference.
 */
#define BLOB_TYPE 'T'
#define BLOB_NAME_LEN (64 + 1 + RUN_ID_LEN)
#define BLOB_REFERENCE_MAX 160

struct blob {
	char name[BLOB_NAME_LEN + 1];
	int64_t bytes;
};

bool blob_name_is_valid(struct slice name);

/* Whether an output as Redis keeps it is a reference; fills *b if so. */
bool blob_parse(struct slice output, struct blob *b);
void blob_print(const struct blob *b, struct buf *out);

/* Whether these are the bytes that its name says: UNAVAILABLE if not. */
int blob_verify(const struct blob *b, struct slice bytes, struct error *err);

#endif
