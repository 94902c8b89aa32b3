/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treadle/log.h"

#include "core.h"

/*
 * Secrets are read when an attempt needs one, and kept nowhere: a file that
 * is replaced counts from the next attempt on.
 */
enum { SECRET_MAX = 64 << 10 };

static bool is_shortage(int why)
{
	return why == EMFILE || why == ENFILE || why == ENOMEM || why == EIO;
}

/* A file may end in a line end that its editor put there. */
static char *read_file(const char *path, struct error *err)
{
	char *text = xmalloc(SECRET_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : read(fd, text, SECRET_MAX + 1);
	int why = len < 0 ? errno : EFBIG;

	if (fd >= 0)
		close(fd);
	if (len < 0 || len > SECRET_MAX) {
		log_warn("secret unreadable", NULL, "%s: %s", path,
			 len < 0 ? strerror(why) : "larger than 64 KiB");
		if (is_shortage(why))
			error_set(err, ERR_UNAVAILABLE,
				  "cannot read a secret: %s", strerror(why));
		free(text);
		return NULL;
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	text[len] = '\0';
	return text;
}

static char *from_folder(const char *folder, const char *name,
			 struct error *err)
{
	char *path, *text;

	if (name[0] == '.' || strchr(name, '/'))
		return NULL;
	path = xasprintf("%s/%s", folder, name);
	text = read_file(path, err);
	free(path);
	return text;
}

static char *from_environment(const char *name)
{
	char *variable = xasprintf("TREADLE_SECRET_%s", name);
	const char *value = getenv(variable);

	free(variable);
	return value ? xstrdup(value) : NULL;
}

char *worker_secret(void *worker, const char *name, struct error *err)
{
	const struct worker *w = worker;
	const char *folder = w->config->worker.secrets;
	char *text;

	error_set(err, ERR_INPUT, "secret \"%s\" is not known to this worker",
		  name);
	text = *folder ? from_folder(folder, name, err)
		       : from_environment(name);
	if (text)
		log_mask(text);
	return text;
}
