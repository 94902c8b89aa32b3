/* SPDX-License-Identifier: MIT */
#include "recall.h"

#include <string.h>

#include "treadle/blob.h"
#include "treadle/log.h"
#include "treadle/store_cache.h"

#include "core.h"
#include "crash.h"

/* Raised when what a key is made of changes: what is kept is not found then. */
#define FORM "treadle cache 1"
#define KEY_SIZE_MAX ((size_t)64 << 20)

void recalls_init(struct recalls *r)
{
	buf_init(&r->bytes, SIZE_MAX / 4); /* see RECALL_SIZE_MAX */
}

void recalls_clear(struct recalls *r)
{
	buf_clear(&r->bytes);
}

/* --- the key ------------------------------------------------------------- */

static void put(jv *content, const char *key, jv value) /* owns value */
{
	*content = jv_object_set(*content, jv_string(key), value);
}

static char *name_once(void *arg, const char *name, struct error *err)
{
	(void)arg;
	(void)err;
	return xasprintf("0%s;", name);
}

static char *name_twice(void *arg, const char *name, struct error *err)
{
	(void)arg;
	(void)err;
	return xasprintf("1%s;", name);
}

/*
 * Secrets count by their names. Where they stand is told by two readings that
 * differ there and nowhere else: so no data can pass for one.
 */
static void put_params(jv *content, const struct attempt *a)
{
	jv params = jv_copy(a->params), again;

	if (template_has_secrets(a->plan->params.template)) {
		again = jv_copy(a->params);
		must(template_reveal(&params, name_once, NULL, NULL) == 0);
		must(template_reveal(&again, name_twice, NULL, NULL) == 0);
		put(content, "secrets", again);
	}
	put(content, "params", params);
}

static void on_read(void *arg, const char *step)
{
	bool *reads_steps = arg;

	(void)step;
	*reads_steps = true;
}

static bool mentions(jv source, const char *word)
{
	struct buf text;
	bool result;

	buf_init(&text, KEY_SIZE_MAX);
	must(json_print(source, &text) == 0); /* as in its definition */
	result = memmem(text.data, text.len, word, strlen(word));
	buf_clear(&text);
	return result;
}

/*
 * What is evaluated only with the response: the expression itself, and what
 * it may read beside that. One that may read of the run is found in it alone,
 * and one that may read of an item for the same one.
 */
static void put_late(jv *content, const struct attempt *a)
{
	static const char *const words[] = {"run", "item", "index"};
	const struct formula *late = &a->plan->late;
	bool reads_steps = false, reads_input;
	jv value;

	if (!late->template)
		return;
	template_reads(late->template, on_read, &reads_steps, &reads_input);
	put(content, "late", jv_copy(late->source));
	put(content, "env", value_get(a->scope, "env"));
	if (reads_input)
		put(content, "input", value_get(a->scope, "input"));
	if (reads_steps)
		put(content, "steps", value_get(a->scope, "steps"));
	for (size_t i = 0; i < countof(words); i++) {
		value = value_get(a->scope, words[i]);
		if (jv_is_valid(value) && ((reads_steps && reads_input) ||
					   mentions(late->source, words[i])))
			put(content, words[i], value);
		else
			jv_free(value);
	}
}

/*
 * A key of the workflow's own stands for what its expressions gave; what is
 * written around them counts as ever: a step that is changed is another one.
 */
static void put_own(jv *content, const struct attempt *a, jv key)
{
	put(content, "workflow", jv_string(definition_name(a->definition)));
	put(content, "written", jv_copy(a->step->params));
	put(content, "key", jv_copy(key));
}

/* key: borrowed; invalid where the step has none of its own. */
static void set_key(struct attempt *a, jv key)
{
	jv content = jv_object();
	struct buf bytes;

	put(&content, "form", jv_string(FORM));
	put(&content, "kind", jv_string(step_kind_text(a->step->kind)));
	if (jv_is_valid(key)) {
		put_own(&content, a, key);
	} else {
		put_params(&content, a);
		put_late(&content, a);
	}
	buf_init(&bytes, KEY_SIZE_MAX);
	if (msgpack_print(content, &bytes) == 0)
		sha256_hex(buf_slice(&bytes), a->recall->key);
	buf_clear(&bytes);
	jv_free(content);
}

/* --- asking -------------------------------------------------------------- */

/*
 * Who runs again what was done wants it done; and what an earlier try has
 * begun, and left a memo of, is gone on with.
 */
static bool may_ask(const struct attempt *a)
{
	return a->recall->key[0] && a->generation == 0 && !jv_is_valid(a->memo);
}

static void ask(struct attempt *a, jv key)
{
	if (jv_get_kind(key) != JV_KIND_NULL)
		set_key(a, key);
	if (!may_ask(a)) {
		attempt_reveal(a);
		return;
	}
	a->recall->is_waiting = true;
	list_push(&a->worker->recalls.waiting, a);
}

static void on_key(struct attempt *a, jv key, const struct error *err)
{
	if (err)
		attempt_prepared(a, err);
	else if (a->stop != STOP_NOT)
		attempt_prepared(a, NULL);
	else
		ask(a, key);
}

void recall_begin(struct attempt *a)
{
	const struct formula *f = &a->plan->cache_key;
	struct error err;
	jv key;

	a->recall = arena_calloc(&a->arena, 1, sizeof(*a->recall));
	if (!f->template) {
		key = jv_invalid();
		ask(a, key);
		jv_free(key);
	} else if (!template_is_plain(f->template)) {
		attempt_evaluate(a, f, NULL, jv_invalid(), on_key);
	} else if (template_expand(f->template, a->scope, &key, &err) < 0) {
		attempt_prepared(a, &err);
	} else {
		on_key(a, key, NULL);
		jv_free(key);
	}
}

bool recall_forget(struct attempt *a)
{
	struct recalls *r = &a->worker->recalls;

	if (!a->recall || !(a->recall->is_waiting || a->recall->is_asked))
		return false;
	if (a->recall->is_waiting)
		list_remove(&r->waiting, a);
	for (size_t i = 0; i < r->asked_count; i++)
		if (r->asked[i] == a)
			r->asked[i] = NULL;
	a->recall->is_waiting = a->recall->is_asked = false;
	return true;
}

/* "<run>/<step> <output>"; what is not of this form is as good as nothing. */
static void answer(struct attempt *a, struct slice kept)
{
	struct slice output = kept;
	struct slice source = slice_cut(&output, ' ');
	jv value;

	a->recall->is_asked = false;
	if (output.len == 0 || msgpack_parse(output, &value, NULL) < 0) {
		attempt_reveal(a);
		return;
	}
	jv_free(value);
	report_recalled(a, output, source);
}

static void on_recalled(void *arg, const struct reply *kept, size_t count,
			const struct redis_failure *failure)
{
	struct worker *w = arg;
	struct recalls *r = &w->recalls;
	struct attempt *asked[RECALL_MAX];
	size_t asked_count = r->asked_count;

	must(failure || count == asked_count);
	memcpy(asked, r->asked, asked_count * sizeof(*asked));
	r->asked_count = 0;
	crash_point("after-recall");
	if (failure && failure->cause != REDIS_STOPPED)
		log_warn("cache not asked", NULL, "%s; steps are performed",
			 failure->error.text);
	for (size_t i = 0; i < asked_count; i++)
		if (asked[i])
			answer(asked[i], failure ? SLICE("") : kept[i].text);
}

static void flush_asking(struct worker *w)
{
	struct recalls *r = &w->recalls;
	struct recollection asking[RECALL_MAX];

	if (r->asked_count > 0 || r->waiting.count == 0)
		return;
	while (r->asked_count < RECALL_MAX && r->waiting.count > 0) {
		struct attempt *a = list_shift(&r->waiting);

		a->recall->is_waiting = false;
		a->recall->is_asked = true;
		asking[r->asked_count] =
			(struct recollection){a->run, a->recall->key};
		r->asked[r->asked_count++] = a;
	}
	crash_point("before-recall");
	store_recall(w->store, asking, r->asked_count, on_recalled, w);
}

/* --- keeping ------------------------------------------------------------- */

/* It is only for speed: where there is no room for it, that is no error. */
static void on_kept(void *arg, bool has_room,
		    const struct redis_failure *failure)
{
	struct recalls *r = &((struct worker *)arg)->recalls;

	if (failure && failure->cause == REDIS_STOPPED)
		return;
	if (has_room)
		r->is_full_told = false;
	else if (!r->is_full_told)
		log_info("cache keeps nothing", NULL, "%s",
			 failure ? failure->error.text
				 : "redis has little memory left");
	r->is_full_told = !has_room;
}

static void flush_keeping(struct worker *w)
{
	struct recalls *r = &w->recalls;
	struct memory kept[RECALL_MAX];

	if (r->keeping_count == 0)
		return;
	for (size_t i = 0; i < r->keeping_count; i++) {
		const struct keeping *k = &r->keeping[i];

		kept[i] = (struct memory){
			.key = k->key,
			.ttl_ms = k->ttl_ms,
			.run = k->run,
			.step = k->name,
			.output = {r->bytes.data + k->at, k->len}};
	}
	crash_point("before-remember");
	store_remember(w->store, kept, r->keeping_count, on_kept, w);
	r->keeping_count = 0;
	buf_reset(&r->bytes);
}

void recall_keep(struct attempt *a, struct slice output)
{
	struct recalls *r = &a->worker->recalls;
	struct keeping *k = &r->keeping[r->keeping_count];
	struct blob blob;

	if (!a->recall || !a->recall->key[0] || a->end.source ||
	    output.len > (size_t)a->worker->config->worker.cache_max ||
	    blob_parse(output, &blob))
		return;
	*k = (struct keeping){.ttl_ms = a->step->cache_ms,
			      .at = r->bytes.len,
			      .len = output.len};
	memcpy(k->key, a->recall->key, sizeof(k->key));
	memcpy(k->run, a->run, sizeof(k->run));
	memcpy(k->name, a->name, sizeof(k->name));
	must(buf_add(&r->bytes, output.data, output.len) == 0);
	if (++r->keeping_count == RECALL_MAX || r->bytes.len > RECALL_SIZE_MAX)
		flush_keeping(a->worker);
}

void recalls_flush(struct worker *w)
{
	/* What was committed may be asked for in this very turn. */
	flush_keeping(w);
	flush_asking(w);
}
