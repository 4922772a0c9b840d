/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packets' thread takes changes out of the engine (draining), the writer's
 * thread puts them into the file; between them go a few batches, of fixed size,
 * made at the start.  While the disk is slow no batch is free, and then nothing
 * is taken out: in the engine a change is a mark, so what changes meanwhile is
 * neither lost nor piled up.  The packets' thread never waits.
 *
 * The file's rows are named by the engine's records (spinat_memo.id), which
 * mean nothing to the next engine: so a journal is first written anew, as a
 * whole, in one transaction over as many batches as it takes.  That is also
 * what mends a journal that could not be written (a full disk).  Until such a
 * transaction is committed the file is what it was.
 */
#include "daemon/journal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/store.h"

#define JOURNAL_BATCH   512u
#define JOURNAL_BATCHES 4u
/** How long packets may wait for one draining. */
#define JOURNAL_TURN_NS (200 * INT64_C(1000))
/** From one draining to the next, and when there was more. */
#define JOURNAL_PAUSE_MS 150
#define JOURNAL_MORE_MS  5
/** What cannot be written is tried again after so long. */
#define JOURNAL_RETRY_NS (60 * SPINAT_SECOND)
/** How long a stop waits for the disk. */
#define JOURNAL_STOP_SEC 10

struct batch {
	struct batch *next;
	bool begins, anew, ends; /* a transaction; anew: without what was */
	struct row_time taken;
	unsigned count;
	struct spinat_memo memos[JOURNAL_BATCH];
};

struct journal {
	struct spinat *engine;
	struct store *store; /* once it is started: the writer's */
	struct event *timer;
	bool started;

	/* The packets' thread. */
	bool anew;   /* the journal is being written as a whole */
	bool opened; /* ... and its transaction has begun */
	bool behind; /* it could not be written: not before `retry` */
	spinat_time retry;

	/* Both. */
	pthread_t writer;
	unsigned pending; /* the writer's: rows of an open transaction */
	pthread_mutex_t mutex;
	pthread_cond_t given, freed;
	struct batch *free, *first, **last;
	unsigned in_use;
	bool ending;
	bool failed; /* what is given is thrown away until this is cleared */
	struct error error;
	struct journal_stats stats;

	struct batch batches[JOURNAL_BATCHES];
};

/* ------------------------------------------------------------ the writer */

static int write_batch(
    struct store *store, const struct batch *batch, struct error *error)
{
	int result = 0;

	if (batch->begins)
		result = store_begin(store, batch->anew, error);
	for (unsigned i = 0; i < batch->count && result == 0; i++)
		result =
		    store_put(store, &batch->memos[i], &batch->taken, error);
	if (result == 0 && batch->ends)
		result = store_commit(store, error);
	return result;
}

/* How it went, with the mutex held. */
static void note_written(
    struct journal *journal, const struct batch *batch, int result)
{
	journal->pending =
	    batch->count + (batch->begins ? 0 : journal->pending);
	if (result < 0) {
		journal->stats.errors++;
	} else if (batch->ends) {
		journal->stats.rows += journal->pending;
		journal->stats.written = clock_now();
	}
	journal->stats.is_behind =
	    result < 0 || (journal->stats.is_behind && !batch->ends);
}

static void *writer(void *context)
{
	struct journal *journal = context;

	pthread_mutex_lock(&journal->mutex);
	for (;;) {
		struct batch *batch = journal->first;
		struct error error;
		int result;

		if (!batch && journal->ending)
			break;
		if (!batch) {
			pthread_cond_wait(&journal->given, &journal->mutex);
			continue;
		}
		journal->first = batch->next;
		if (!journal->first)
			journal->last = &journal->first;
		if (!journal->failed) {
			pthread_mutex_unlock(&journal->mutex);
			result = write_batch(journal->store, batch, &error);
			pthread_mutex_lock(&journal->mutex);
			note_written(journal, batch, result);
			if (result < 0) {
				journal->failed = true;
				journal->error = error;
			}
		}
		batch->next = journal->free;
		journal->free = batch;
		journal->in_use--;
		pthread_cond_signal(&journal->freed);
	}
	pthread_mutex_unlock(&journal->mutex);
	return NULL;
}

static struct batch *take_free(struct journal *journal)
{
	struct batch *batch;

	pthread_mutex_lock(&journal->mutex);
	batch = journal->free;
	if (batch) {
		journal->free = batch->next;
		journal->in_use++;
	}
	pthread_mutex_unlock(&journal->mutex);
	return batch;
}

static void put_back(struct journal *journal, struct batch *batch)
{
	pthread_mutex_lock(&journal->mutex);
	batch->next = journal->free;
	journal->free = batch;
	journal->in_use--;
	pthread_mutex_unlock(&journal->mutex);
}

static void give(struct journal *journal, struct batch *batch)
{
	pthread_mutex_lock(&journal->mutex);
	batch->next = NULL;
	*journal->last = batch;
	journal->last = &batch->next;
	pthread_cond_signal(&journal->given);
	pthread_mutex_unlock(&journal->mutex);
}

/* -------------------------------------------------------------- draining */

/* Fills a batch within a turn; false: there was more. */
static bool fill(struct journal *journal, struct batch *batch, spinat_time now,
    spinat_time until)
{
	batch->count = 0;
	batch->taken = store_now();
	while (batch->count < JOURNAL_BATCH) {
		struct spinat_memo *memo = &batch->memos[batch->count];
		enum spinat_walk step =
		    spinat_next_change(journal->engine, now, memo);

		if (step == SPINAT_WALK_END)
			return true;
		batch->count += step == SPINAT_WALK_FOUND;
		if (clock_now() >= until)
			break;
	}
	return false;
}

/* One batch at most.  False: there was more, or no room for it. */
static bool drain(struct journal *journal, spinat_time until)
{
	struct batch *batch = take_free(journal);
	bool ended;

	if (!batch)
		return false;
	ended = fill(journal, batch, clock_now(), until);
	batch->begins = !journal->opened;
	batch->anew = journal->anew;
	batch->ends = !journal->anew || ended;
	if (batch->count == 0 && !(journal->anew && ended)) {
		put_back(journal, batch);
		return ended;
	}
	journal->opened = !batch->ends;
	journal->anew = journal->anew && !ended;
	give(journal, batch);
	return ended;
}

static void write_anew(struct journal *journal)
{
	spinat_change_all(journal->engine);
	journal->anew = true;
	journal->opened = false;
}

/* Whether it is to be written at all just now. */
static bool is_writable(struct journal *journal)
{
	struct error error = {""};
	bool failed, at_rest;

	pthread_mutex_lock(&journal->mutex);
	failed = journal->failed;
	at_rest = journal->in_use == 0;
	if (failed)
		error = journal->error;
	pthread_mutex_unlock(&journal->mutex);
	if (!failed) {
		/* A whole one went in since. */
		if (journal->behind && !journal->anew && at_rest) {
			log_notice("journal: it is written again");
			journal->behind = false;
		}
		return true;
	}
	if (!journal->behind)
		log_warning("journal: %s; trying again every minute, until "
			    "then a restart forgets what is new",
		    error.text);
	if (journal->retry == 0)
		journal->retry = clock_now() + JOURNAL_RETRY_NS;
	journal->behind = true;
	if (!at_rest || clock_now() < journal->retry)
		return false;
	journal->retry = 0;
	pthread_mutex_lock(&journal->mutex);
	journal->failed = false;
	pthread_mutex_unlock(&journal->mutex);
	write_anew(journal);
	return true;
}

static void schedule(struct journal *journal, long milliseconds)
{
	const struct timeval pause = {
	    .tv_sec = milliseconds / 1000,
	    .tv_usec = milliseconds % 1000 * 1000,
	};

	(void)event_add(journal->timer, &pause);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct journal *journal = context;
	bool ended = true;

	(void)fd;
	(void)what;
	if (is_writable(journal))
		ended = drain(journal, clock_now() + JOURNAL_TURN_NS);
	schedule(journal, ended ? JOURNAL_PAUSE_MS : JOURNAL_MORE_MS);
}

/* ----------------------------------------------------------- opening it */

struct reading {
	struct spinat *engine;
	spinat_time now;
	unsigned back[SPINAT_MEMO_KINDS];
	struct journal_stats stats;
};

static void take_memo(void *context, const struct spinat_memo *memo)
{
	struct reading *reading = context;
	struct journal_stats *stats = &reading->stats;

	switch (spinat_restore(reading->engine, reading->now, memo)) {
	case -EEXIST: /* the tables of the fast path had it */
	case 0:
		reading->back[memo->kind]++;
		stats->back++;
		break;
	case -ETIME:
		stats->run_out++;
		break;
	case -EADDRNOTAVAIL:
		stats->elsewhere++;
		break;
	case -ENOSPC:
		stats->no_room++;
		break;
	default:
		stats->damaged++;
		break;
	}
}

/* Who is not back, and why. */
static void say_losses(
    const struct journal_stats *stats, const struct store_contents *contents)
{
	if (stats->run_out != 0)
		log_notice("journal: %u records had run out meanwhile",
		    stats->run_out);
	if (stats->elsewhere != 0)
		log_notice("journal: %u records were of a public address or "
			   "inside network that is not ours any more",
		    stats->elsewhere);
	if (stats->no_room != 0)
		log_warning("journal: %u records found no room; max_flows, "
			    "max_spis, max_ike and max_associations say how "
			    "much there is",
		    stats->no_room);
	if (stats->damaged != 0)
		log_warning(
		    "journal: %u of %u records were damaged and are left out",
		    stats->damaged, contents->rows);
}

static void say_what_is_back(const struct reading *reading,
    const struct store_contents *contents, const char *path)
{
	const time_t newest = (time_t)(contents->newest / SPINAT_SECOND);
	struct spinat_stats stats;
	struct tm tm = {0};
	char when[32] = "";

	if (contents->rows == 0) {
		log_notice("journal: %s holds nothing to bring back", path);
		return;
	}
	spinat_get_stats(reading->engine, &stats);
	(void)localtime_r(&newest, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	log_notice("journal: tunnels back: %u (IKE SAs: %u, SPIs out: %u, in: "
		   "%u), as of %s",
	    stats.peers, reading->back[SPINAT_MEMO_IKE],
	    reading->back[SPINAT_MEMO_ESP_OUT],
	    reading->back[SPINAT_MEMO_ESP_IN], when);
	say_losses(&reading->stats, contents);
}

static struct journal *make(struct spinat *engine)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return NULL;
	journal->engine = engine;
	journal->anew = true;
	journal->last = &journal->first;
	for (unsigned i = 0; i < JOURNAL_BATCHES; i++) {
		journal->batches[i].next = journal->free;
		journal->free = &journal->batches[i];
	}
	(void)pthread_mutex_init(&journal->mutex, NULL);
	(void)pthread_cond_init(&journal->given, NULL);
	(void)pthread_cond_init(&journal->freed, NULL);
	return journal;
}

static void destroy(struct journal *journal)
{
	store_close(journal->store);
	if (journal->timer)
		event_free(journal->timer);
	(void)pthread_cond_destroy(&journal->given);
	(void)pthread_cond_destroy(&journal->freed);
	(void)pthread_mutex_destroy(&journal->mutex);
	free(journal);
}

static void do_without(const char *why)
{
	log_warning("journal: %s; going on without a journal: a restart "
		    "forgets all IPsec state",
	    why);
}

void journal_open(
    struct journal **journal, const char *path, struct spinat *engine)
{
	struct reading reading = {.engine = engine, .now = clock_now()};
	struct store_contents contents;
	struct journal *made = make(engine);
	struct error error = {"out of memory"};
	int result = -ENOMEM;

	if (made)
		result = store_open(&made->store, path, &error);
	if (result == 0)
		result = store_read(
		    made->store, take_memo, &reading, &contents, &error);
	if (result < 0) {
		do_without(error.text);
		if (made)
			destroy(made);
		return;
	}
	reading.stats.damaged += contents.bad;
	made->stats = reading.stats;
	say_what_is_back(&reading, &contents, path);
	*journal = made;
}

void journal_start(struct journal *journal, struct event_base *base)
{
	sigset_t all, before;
	int cause;

	if (!journal)
		return;
	journal->timer = evtimer_new(base, on_timer, journal);
	if (!journal->timer) {
		do_without("out of memory");
		return;
	}
	/* Signals are the loop's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	cause = pthread_create(&journal->writer, NULL, writer, journal);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (cause != 0) {
		do_without(strerror(cause));
		return;
	}
	journal->started = true;
	/* What is back is marked as changed: it is written under new names. */
	schedule(journal, JOURNAL_MORE_MS);
}

void journal_get_stats(struct journal *journal, struct journal_stats *stats)
{
	pthread_mutex_lock(&journal->mutex);
	*stats = journal->stats;
	pthread_mutex_unlock(&journal->mutex);
}

/* ------------------------------------------------------------- the end */

/* Waits until a batch is free, or all are; false: not by then. */
static bool wait_for_writer(
    struct journal *journal, bool all, const struct timespec *until)
{
	bool done = true;

	pthread_mutex_lock(&journal->mutex);
	while (done && (all ? journal->in_use != 0 : !journal->free))
		done = pthread_cond_timedwait(
			   &journal->freed, &journal->mutex, until) == 0;
	pthread_mutex_unlock(&journal->mutex);
	return done;
}

/* Writes all there is, stamps and counters too. */
static bool flush(struct journal *journal, const struct timespec *until)
{
	bool ended = false, failed;

	pthread_mutex_lock(&journal->mutex);
	failed = journal->failed;
	pthread_mutex_unlock(&journal->mutex);
	if (failed) {
		if (!wait_for_writer(journal, true, until))
			return false;
		pthread_mutex_lock(&journal->mutex);
		journal->failed = false;
		pthread_mutex_unlock(&journal->mutex);
		write_anew(journal);
	} else {
		spinat_change_all(journal->engine);
	}
	while (!ended) {
		if (!wait_for_writer(journal, false, until))
			return false;
		ended = drain(journal, SPINAT_NEVER);
	}
	return wait_for_writer(journal, true, until);
}

void journal_close(struct journal *journal)
{
	struct timespec until;
	bool written;

	if (!journal)
		return;
	if (!journal->started) {
		destroy(journal);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOURNAL_STOP_SEC;
	written = flush(journal, &until);
	pthread_mutex_lock(&journal->mutex);
	journal->ending = true;
	pthread_cond_signal(&journal->given);
	pthread_mutex_unlock(&journal->mutex);
	if (!written ||
	    pthread_timedjoin_np(journal->writer, NULL, &until) != 0) {
		/* The thread still has all of it; the process ends soon. */
		log_error("journal: the disk does not answer; what is new is "
			  "not written");
		event_free(journal->timer);
		return;
	}
	if (journal->failed)
		log_error("journal: %s; what is new is not written",
		    journal->error.text);
	destroy(journal);
}
