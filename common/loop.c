/* SPDX-License-Identifier: MIT */
#include "treadle/loop.h"

int loop_init(uv_loop_t *loop, struct error *err)
{
	int why = uv_loop_init(loop);

	if (why)
		return error_set(err, ERR_SYSTEM,
				 "cannot make an event loop: %s",
				 uv_strerror(why));
	return 0;
}

void loop_close(uv_loop_t *loop)
{
	must(uv_loop_close(loop) == 0);
}
