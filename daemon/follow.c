/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following the public address.
 *
 * An address that goes away is kept until another comes: a lease that is
 * renewed is often deleted and added again, and its flows should live.  Until
 * the firewall has taken the new address the rules of the old one stand,
 * which let nothing out untranslated; a failure is tried again.
 */
#include "daemon/follow.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/address.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/text.h"
#include "firewall/firewall.h"

#define FOLLOW_RETRY_SEC 5

struct follow {
	struct conf *conf;
	struct spinat *engine;
	struct address_watch *watch;
	struct event *news;
	struct event *retry;
};

static int take_address(struct follow *follow, spinat_be32 address)
{
	static const struct timeval later = {FOLLOW_RETRY_SEC, 0};
	struct error error;
	int result =
	    spinat_set_public(follow->engine, clock_now(), &address, 1);

	if (result < 0) {
		log_error("the engine refuses the new public address");
		return result;
	}
	follow->conf->engine.public_addresses[0] = address;
	follow->conf->engine.public_count = 1;
	result = firewall_install(follow->conf, &error);
	if (result < 0) {
		log_error("the firewall did not take the new public address, "
			  "trying again in %d seconds: %s",
		    FOLLOW_RETRY_SEC, error.text);
		(void)event_add(follow->retry, &later);
	}
	return result;
}

static void on_news(evutil_socket_t fd, short what, void *context)
{
	struct follow *follow = context;
	const struct spinat_config *engine = &follow->conf->engine;
	char before[TEXT_ADDRESS_MAX], after[TEXT_ADDRESS_MAX];
	spinat_be32 address;
	struct error error;

	(void)fd;
	(void)what;
	address_watch_drain(follow->watch);
	text_address(before, engine->public_addresses[0]);
	if (address_of_interface(follow->conf->interface, &address, &error) <
	    0) {
		log_warning("%s has lost its address; keeping %s until it has "
			    "another",
		    follow->conf->interface, before);
		return;
	}
	if (address.raw == engine->public_addresses[0].raw)
		return;
	log_notice("the public address changes from %s to %s", before,
	    text_address(after, address));
	(void)take_address(follow, address);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
	struct follow *follow = context;

	(void)fd;
	(void)what;
	(void)take_address(follow, follow->conf->engine.public_addresses[0]);
}

int follow_open(struct follow **follow, struct event_base *base,
    struct conf *conf, struct spinat *engine, struct error *error)
{
	struct follow *made = calloc(1, sizeof(*made));
	int result;

	if (!made)
		return error_set(error, -ENOMEM, "out of memory");
	made->conf = conf;
	made->engine = engine;
	result = address_watch_open(&made->watch, error);
	if (result < 0)
		goto fail;
	made->news = event_new(base, address_watch_descriptor(made->watch),
	    EV_READ | EV_PERSIST, on_news, made);
	made->retry = evtimer_new(base, on_retry, made);
	if (!made->news || !made->retry || event_add(made->news, NULL) < 0) {
		result = error_set(error, -ENOMEM, "out of memory");
		goto fail;
	}
	*follow = made;
	return 0;
fail:
	follow_close(made);
	return result;
}

void follow_close(struct follow *follow)
{
	if (!follow)
		return;
	if (follow->news)
		event_free(follow->news);
	if (follow->retry)
		event_free(follow->retry);
	address_watch_close(follow->watch);
	free(follow);
}
