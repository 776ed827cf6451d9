/*
 * A toy protocol over net: a big-endian length, then a letter that says what to do, then bytes.
 * The reply is the same message.
 *	e	echo by copy		c	echo by citing the message
 *	a	three operations, then echo	s	no reply
 *	h	hang up			p	park, woken by another thread
 *	w	wait in a pool		d	answered by decode at once
 */
#ifndef TESTS_NET_ECHO_H
#define TESTS_NET_ECHO_H

#include "pipeline/net/net.h"

#include <stdatomic.h>

#define ECHO_MORE 0x80000000u		/* in a length: another piece follows */

extern const struct protocol echo_protocol;
extern _Atomic uint64_t echo_greeted, echo_left, echo_finished, echo_held;
extern _Atomic uint64_t echo_long, echo_astride; /* of 64 KiB or more; that end inside a page */

/* Machine and net with the toy at every address; returns its port. */
uint16_t echo_start(const struct net_conf *conf);
void echo_stop(void);
void echo_keep(void);		/* a buffer stays somebody's until the machine has stopped */
void echo_hold(bool on);	/* 'p' jobs stay parked while on */

int echo_dial(uint16_t port);
void echo_send(int fd, char what, uint32_t number, uint32_t len); /* len of the message, ≥ 5 */
bool echo_receive(int fd, char *what, uint32_t *number, uint32_t *len);	/* checks the filling */
bool echo_closed(int fd);	/* the server closes within five seconds */
bool write_all(int fd, const void *bytes, size_t len);
bool read_all(int fd, void *to, size_t len);

#endif
