/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 65536

const char *source_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

static int open_source(const char *path, struct error *err)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return dup(STDIN_FILENO);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERR_ABSENT : ERR_INPUT,
				 "cannot open %.256s: %s", path,
				 strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return error_set(err, ERR_INPUT, "%.256s is a folder", path);
	}
	return fd;
}

int source_read(const char *path, struct buf *out, struct error *err)
{
	char chunk[READ_SIZE];
	ssize_t got;
	int rc = 0;
	int fd = open_source(path, err);

	if (fd < 0)
		return -1;
	while (rc == 0 && (got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = error_set(err, ERR_INPUT, "cannot read %.256s: %s",
				       source_name(path), strerror(errno));
		else if (buf_add(out, chunk, (size_t)got) != 0)
			rc = error_set(err, ERR_INPUT,
				       "%.256s: larger than %zu KiB",
				       source_name(path), out->max >> 10);
	}
	close(fd);
	return rc;
}

static int read_workflow(const char *path, struct workflow **w,
			 struct error *err)
{
	struct buf text;

	buf_init(&text, WORKFLOW_SIZE_MAX);
	int rc = source_read(path, &text, err);
	if (rc == 0)
		rc = workflow_parse(buf_slice(&text), source_name(path), w,
				    err);
	buf_clear(&text);
	return rc;
}

static int refuse_name(const struct text_list *folders, const char *name,
		       struct error *err)
{
	struct buf list;

	buf_init(&list, 256);
	for (size_t i = 0; i < folders->count; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", folders->items[i]);
	error_set(err, ERR_ABSENT,
		  "there is no workflow \"%s\" in %s, and no file of that "
		  "name",
		  name, list.len ? list.data : "no folder");
	buf_clear(&list);
	return -1;
}

int source_workflow(const struct config *c, const char *what,
		    struct workflow **w, struct error *err)
{
	const struct text_list *folders = &c->producer.workflows;

	if (strcmp(what, "-") == 0 || !text_is_name(slice_of(what)))
		return read_workflow(what, w, err);

	for (size_t i = 0; i < folders->count; i++) {
		char *path = xasprintf("%s/%s.yaml", folders->items[i], what);
		if (access(path, F_OK) == 0) {
			int rc = read_workflow(path, w, err);
			free(path);
			return rc;
		}
		free(path);
	}
	if (access(what, F_OK) == 0)
		return read_workflow(what, w, err);
	return refuse_name(folders, what, err);
}

size_t source_steps(const struct workflow *w)
{
	size_t count = 0;

	for (size_t i = 0; i < w->steps_count; i++)
		count += w->steps[i].when != WHEN_UNDO;
	return count - (workflow_find(w, SLICE("output")) != NULL);
}

const char *source_steps_text(const struct workflow *w, char text[32])
{
	size_t count = source_steps(w);

	snprintf(text, 32, "%zu step%s", count, count == 1 ? "" : "s");
	return text;
}
