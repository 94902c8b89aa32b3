/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

static const char *default_folder(struct arena *arena)
{
	const char *own = getenv("TREADLE_STATE");
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (own && *own)
		return own;
	if (state && *state == '/')
		return arena_printf(arena, "%s/treadle", state);
	return arena_printf(arena, "%s/.local/state/treadle", home ? home : "");
}

/* Makes a folder and those above it, for our eyes only. */
static int make_folders(struct arena *arena, const char *path,
			struct error *err)
{
	char *copy = arena_strdup(arena, path);

	for (char *at = strchr(copy + 1, '/');; at = strchr(at + 1, '/')) {
		if (at)
			*at = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			return error_set(err, ERR_INPUT,
					 "cannot make the folder %.256s: %s "
					 "(say where: --state FOLDER)",
					 copy, strerror(errno));
		if (!at)
			return 0;
		*at = '/';
	}
}

const char *place_path(const struct place *p, struct arena *arena,
		       const char *name)
{
	return arena_printf(arena, "%s/%s", p->folder, name);
}

static int lock(struct place *p, struct arena *arena, struct error *err)
{
	const char *path = place_path(p, arena, "lock");

	p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (p->lock < 0)
		return error_set(err, ERR_INPUT, "cannot write %.256s: %s",
				 path, strerror(errno));
	if (flock(p->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	close(p->lock);
	return error_set(err, ERR_CONFLICT,
			 "treadle dev is running already in %.256s (another "
			 "place: --state FOLDER)",
			 p->folder);
}

int place_open(struct place *p, struct arena *arena, const char *folder,
	       struct error *err)
{
	char absolute[PATH_MAX];

	if (!folder)
		folder = default_folder(arena);
	if (make_folders(arena, folder, err) != 0)
		return -1;
	if (!realpath(folder, absolute))
		return error_set(err, ERR_INPUT, "cannot use %.256s: %s",
				 folder, strerror(errno));
	p->folder = arena_strdup(arena, absolute);
	p->socket = place_path(p, arena, "redis.sock");
	p->url = arena_printf(arena, "unix://%s", p->socket);
	if (strlen(p->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return error_set(err, ERR_INPUT,
				 "%.256s is too long a name for a socket (a "
				 "shorter place: --state FOLDER)",
				 p->socket);
	return lock(p, arena, err);
}

void place_close(struct place *p)
{
	close(p->lock);
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

static const char *find_beside(struct arena *arena, const char *name)
{
	char self[PATH_MAX];
	size_t size = sizeof(self);

	if (uv_exepath(self, &size) != 0)
		return NULL;
	*strrchr(self, '/') = '\0';
	const char *path = arena_printf(arena, "%s/%s", self, name);
	return is_program(path) ? path : NULL;
}

static const char *find_in_path(struct arena *arena, const char *name)
{
	const char *list = getenv("PATH");
	struct slice rest = slice_of(list ? list : "/usr/bin:/bin");

	while (rest.len) {
		struct slice folder = slice_cut(&rest, ':');
		const char *path = arena_printf(
			arena, "%.*s/%s", (int)folder.len, folder.data, name);
		if (folder.len && is_program(path))
			return path;
	}
	return NULL;
}

const char *place_program(struct arena *arena, const char *const *names)
{
	for (; *names; names++) {
		const char *path = find_beside(arena, *names);
		if (!path)
			path = find_in_path(arena, *names);
		if (path)
			return path;
	}
	return NULL;
}
