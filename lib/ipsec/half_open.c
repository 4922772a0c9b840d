/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/half_open.h"

static uint64_t hash_of(const struct ike_table *table, be32 inside)
{
	const struct key key = {.local = inside};

	return key_hash(&table->seed, &key);
}

static bool same_host(const void *of, uint32_t number, const void *want)
{
	const struct ike_table *table = of;
	const be32 *inside = want;

	return be32_equal(table->sas[number].inside, *inside);
}

static uint32_t oldest_of(const struct ike_table *table, be32 inside)
{
	return index_find(&table->half_open, hash_of(table, inside), same_host,
	    table, &inside);
}

void half_open_enter(struct ike_table *table, uint32_t number)
{
	struct ike_sa *sa = &table->sas[number];
	const uint32_t oldest = oldest_of(table, sa->inside);
	struct ike_sa *first = &table->sas[oldest];

	ENSURE(sa->half_open_next == 0);
	if (oldest == 0) {
		/* There is room for every SA. */
		if (!index_insert(
			&table->half_open, hash_of(table, sa->inside), number))
			return;
		sa->half_open_next = sa->half_open_prev = number;
		sa->half_open_count = 1;
		return;
	}
	sa->half_open_next = oldest;
	sa->half_open_prev = first->half_open_prev;
	table->sas[first->half_open_prev].half_open_next = number;
	first->half_open_prev = number;
	first->half_open_count++;
}

void half_open_leave(struct ike_table *table, uint32_t number)
{
	struct ike_sa *sa = &table->sas[number];
	const uint32_t next = sa->half_open_next;
	uint32_t oldest;

	if (next == 0)
		return;
	oldest = oldest_of(table, sa->inside);
	if (next == number) {
		index_remove(
		    &table->half_open, hash_of(table, sa->inside), number);
	} else {
		table->sas[sa->half_open_prev].half_open_next = next;
		table->sas[next].half_open_prev = sa->half_open_prev;
		if (number == oldest) {
			index_replace(&table->half_open,
			    hash_of(table, sa->inside), number, next);
			table->sas[next].half_open_count = sa->half_open_count;
			oldest = next;
		}
		table->sas[oldest].half_open_count--;
	}
	sa->half_open_next = 0;
}

uint32_t half_open_surplus(
    const struct ike_table *table, be32 inside, uint32_t most)
{
	const uint32_t oldest = oldest_of(table, inside);
	uint32_t number = oldest;

	if (oldest == 0 || table->sas[oldest].half_open_count < most)
		return 0;
	do {
		if (table->sas[number].state == IKE_UNANSWERED)
			return number;
		number = table->sas[number].half_open_next;
	} while (number != oldest);
	return oldest;
}
