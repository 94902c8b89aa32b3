/* SPDX-License-Identifier: MIT */
#include "treadle/blob.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EXT_8 '\xc7'
#define BYTES_MAX ((int64_t)1 << 40)

bool blob_name_is_valid(struct slice name)
{
	struct slice run = {name.data + 65, RUN_ID_LEN};

	if (name.len != BLOB_NAME_LEN || name.data[64] != '-' ||
	    !run_id_is_valid(run))
		return false;
	for (size_t i = 0; i < 64; i++)
		if (!strchr("0123456789abcdef", name.data[i]) || !name.data[i])
			return false;
	return true;
}

bool blob_parse(struct slice output, struct blob *b)
{
	struct slice text, name;

	if (output.len < 3 || output.data[0] != EXT_8 ||
	    (unsigned char)output.data[1] != output.len - 3 ||
	    output.data[2] != BLOB_TYPE)
		return false;
	text = (struct slice){output.data + 3, output.len - 3};
	name = slice_cut(&text, ' ');
	if (!blob_name_is_valid(name) ||
	    slice_int(text, 0, BYTES_MAX, &b->bytes) != 0)
		return false;
	memcpy(b->name, name.data, name.len);
	b->name[name.len] = '\0';
	return true;
}

void blob_print(const struct blob *b, struct buf *out)
{
	char text[BLOB_REFERENCE_MAX];
	int len =
		snprintf(text, sizeof(text), "%s %" PRId64, b->name, b->bytes);

	buf_addc(out, EXT_8);
	buf_addc(out, (char)len);
	buf_addc(out, BLOB_TYPE);
	buf_add(out, text, (size_t)len);
}

int blob_verify(const struct blob *b, struct slice bytes, struct error *err)
{
	char hash[65];

	sha256_hex(bytes, hash);
	if ((int64_t)bytes.len == b->bytes && memcmp(hash, b->name, 64) == 0)
		return 0;
	return error_set(err, ERR_UNAVAILABLE,
			 "blob %s is damaged: it has %zu bytes, and other "
			 "content than its name says; treadle retry RUN "
			 "--from STEP makes it anew",
			 b->name, bytes.len);
}
