/* SPDX-License-Identifier: BSD-2-Clause */
#include "table.h"

#include <stdio.h>

#include "figures.h"
#include "random_run.h"
#include "scenario.h"

static const unsigned counts[] = {2, 3, 5, 8, 16, 32, 50};
#define COUNTS (sizeof counts / sizeof *counts)

/* ------------------------------------------------ what is measured */

static void be_eager(struct world *world)
{
	for (unsigned t = 0; t < world->tunnel_count; t++)
		for (int side = 0; side < 2; side++)
			world->tunnels[t].end[side].habits.eager = true;
}

/* Ten thousand packets an SA: a transfer, and pings both ways. */
static void transfers(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		traffic_add(&world->tunnels[t], APP_BULK, SPINAT_OUTSIDE,
		    rng_between(&world->rng, MSEC, 2 * SEC), 0, 0, 9800);
	add_pings(world, SEC, 100);
	start_all(world, SEC);
	world_run(world, 400 * SEC);
}

/* All start within 20 ms; a hundred pings each way. */
static void together(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	add_pings(world, 100 * MSEC, 100);
	start_all(world, 20 * MSEC);
	world_run(world, 60 * SEC);
}

/* Tunnels that are up; the gateway rekeys all at once, and speaks first. */
static void rekeyed(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	be_eager(world);
	add_pings(world, 500 * MSEC, 10000);
	bring_up(world);
	for (int i = 0; i < 3; i++) {
		for (unsigned t = 0; t < world->tunnel_count; t++)
			ike_add_child(
			    &world->tunnels[t].end[SPINAT_OUTSIDE], true);
		world_run(world, 60 * SEC);
	}
}

/* Nothing is ever answered: the worst case. */
static void streams(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	for (unsigned t = 0; t < world->tunnel_count; t++)
		traffic_add(&world->tunnels[t], APP_STREAM, SPINAT_OUTSIDE,
		    MSEC, 20 * MSEC, 600, 3000);
	start_all(world, 20 * MSEC);
	world_run(world, 100 * SEC);
}

/* Idle for hours, then the gateway uses SAs that nobody ever used. */
static void woken(struct world *world, unsigned clients)
{
	make_clients(world, clients);
	bring_up(world);
	world_run(world, 5 * HOUR);
	for (unsigned t = 0; t < world->tunnel_count; t++) {
		add_ping(&world->tunnels[t], SPINAT_OUTSIDE, SEC, 100);
		traffic_up(&world->tunnels[t].end[SPINAT_OUTSIDE]);
	}
	world_run(world, 200 * SEC);
}

static const struct measure {
	const char *title;
	void (*run)(struct world *world, unsigned clients);
	unsigned runs;
} measures[] = {
    {"All start within a second; a transfer and pings, 10,000 inbound packets "
     "an SA",
	transfers, 1},
    {"One after another begins a transfer, and then rekeys; 10,000 inbound "
     "packets an SA",
	work_in_turn, 2},
    {"All start within 20 ms; 100 pings each way", together, 20},
    {"The gateway rekeys all at once, three times, and uses the new SAs first",
	rekeyed, 10},
    {"SAs first used by the gateway, after five hours of silence", woken, 10},
    {"One-way streams from outside, 50 packets a second, nothing ever answers",
	streams, 2},
};

/* ------------------------------------------------ how it is printed */

static void print_time(spinat_time time)
{
	if (time == SPINAT_NEVER)
		printf("-");
	else if (time < 10 * SEC)
		printf("%lld ms", (long long)((time + MSEC / 2) / MSEC));
	else
		printf("%lld s", (long long)((time + SEC / 2) / SEC));
}

static void print_share(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		printf("-");
	else if (part == whole)
		printf("100 %%");
	else
		printf("%.3f %%", 100.0 * (double)part / (double)whole);
}

static void print_row(unsigned clients, struct figures *figures)
{
	const struct totals *t = &figures->totals;

	printf("| %u | %llu | %llu | ", clients, (unsigned long long)t->sas,
	    (unsigned long long)t->arrived);
	print_share(t->reached, t->due);
	printf(" | %llu | %.4f | %.3f | ",
	    (unsigned long long)(t->due - t->reached),
	    t->arrived == 0 ? 0 : (double)t->deliveries / (double)t->arrived,
	    figures->most_deliveries);
	print_time(times_quantile(&figures->confirmed, 0.5));
	printf(" / ");
	print_time(times_quantile(&figures->confirmed, 0.99));
	printf(" / ");
	print_time(times_quantile(&figures->confirmed, 1));
	printf(" | %llu | %llu | ", (unsigned long long)t->unconfirmed,
	    (unsigned long long)t->wrong_confirmed);
	print_time(times_quantile(&figures->healed, 1));
	printf(" | %llu |\n", (unsigned long long)t->leaked);
	fflush(stdout);
}

static void print_head(void)
{
	printf("| clients | SPIs | packets in | reached their owner | lost | "
	       "deliveries a packet | of the worst SPI | owner confirmed after "
	       "(median / 99 %% / all) | never confirmed | wrongly confirmed | "
	       "healed within | leaked |\n"
	       "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
}

void table_print(const struct mode *mode)
{
	for (size_t m = 0; m < sizeof measures / sizeof *measures; m++) {
		printf("%s**%s** (%u %s)\n\n", m == 0 ? "" : "\n",
		    measures[m].title, measures[m].runs,
		    measures[m].runs == 1 ? "run" : "runs");
		print_head();
		for (size_t c = 0; c < COUNTS; c++) {
			struct figures figures = {0};

			for (uint64_t run = 1; run <= measures[m].runs; run++) {
				struct world *world = world_open(run, mode);
				measures[m].run(world, counts[c]);
				figures_add(&figures, world);
				world_close(world);
			}
			print_row(counts[c], &figures);
			figures_free(&figures);
		}
	}
}

/* ------------------------------------------------------ random runs */

#define TOLD 3u /* failing runs that are described, of each test */

/* What is known not to be reached yet: every packet, when streams of several
 * hosts begin in the same moment and nothing tells them apart within the budget
 * of copies.  So much is, and less is a failure. */
#define LEAST_REACHED 0.98  /* of what was due, of up to eight clients */
#define LEAST_OF_MANY 0.70  /* of more */
#define MOST_WRONG    0.005 /* of the SPIs confirmed for another host */
#define TODO_RANDOM                                                            \
	" # TODO not every packet of streams that begin at once reaches its "  \
	"owner"

static bool is_known(const struct figures *figures)
{
	const struct totals *t = &figures->totals;
	const double least =
	    figures->clients <= 8 ? LEAST_REACHED : LEAST_OF_MANY;

	return t->leaked == 0 && t->slander == 0 &&
	    (double)t->reached >= least * (double)t->due &&
	    (double)t->wrong_confirmed <= MOST_WRONG * (double)t->sas;
}

unsigned table_random_runs(
    const struct mode *mode, uint64_t from, uint64_t count, unsigned *number)
{
	struct figures figures[MAX_CLIENTS + 1] = {0};
	unsigned failed = 0;

	for (uint64_t run = from; run < from + count; run++) {
		const unsigned clients = random_run_clients(run);
		struct world *world = world_open(run, mode);

		random_run(world);
		if (world->failures != 0 && figures[clients].failed < TOLD)
			printf("# --run %llu (%u clients): %s (and %u more)\n",
			    (unsigned long long)run, clients, world->failure,
			    world->failures - 1);
		figures_add(&figures[clients], world);
		world_close(world);
	}
	for (unsigned c = 0; c <= MAX_CLIENTS; c++) {
		struct figures *f = &figures[c];
		const struct totals *t = &f->totals;

		if (f->runs == 0)
			continue;
		f->clients = c;
		printf(
		    "# %u clients: %u runs, %u failed; %llu of %llu reached, "
		    "%.4f deliveries a packet, %llu of %llu SPIs wrongly "
		    "confirmed\n",
		    c, f->runs, f->failed, (unsigned long long)t->reached,
		    (unsigned long long)t->due,
		    (double)t->deliveries /
			(double)(t->arrived == 0 ? 1 : t->arrived),
		    (unsigned long long)t->wrong_confirmed,
		    (unsigned long long)t->sas);
		printf("%s %u - random-%u: random runs with %u client%s%s\n",
		    f->failed == 0 ? "ok" : "not ok", ++*number, c, c,
		    c == 1 ? "" : "s",
		    f->failed == 0    ? ""
			: is_known(f) ? TODO_RANDOM
				      : "");
		failed += f->failed != 0 && !is_known(f);
		figures_free(f);
	}
	return failed;
}
