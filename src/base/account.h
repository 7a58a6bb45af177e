/*
 * What a connection, or a whole transport, holds in memory: every allocation is charged to an account, and an account
 * to the one above it. Two levels: the connection's, and the transport's that bounds all of them together.
 *
 * `max` is hard: an allocation beyond it fails, and the connection that asked for it ends. It should never come to that
 * with an honest remote, because everything that can wait does so earlier, at shares of the limit below:
 *
 *     limit = the smaller of  the connection's max
 *                             an eighth of what the transport has left
 *
 * The second is what keeps one account, or a hundred, from starving the others: as memory fills up, those who hold most
 * are the first to wait, and some always remains for whoever holds little (n greedy connections hold 1 / (n + 8) each).
 *
 *     1/4   what is received and unread: the window that is announced
 *     3/4   writes take nothing, streams of either side are refused
 *     7/8   what arrives is dropped as if lost
 *
 * Reading stops well before writing does, so an application that writes in order to read on (an echo) cannot lock up.
 */
#ifndef MINKE_BASE_ACCOUNT_H
#define MINKE_BASE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct minke_account {
    struct minke_account *parent; /* NULL: the transport's */
    size_t used, max;             /* bytes */
    uint64_t *refusals;           /* counts what did not fit into `max` */
    /* Which of the two, this or the parent, has refused an allocation charged here; NULL: neither. */
    const struct minke_account *refused_by;
} minke_account_t;

/* False: it does not fit, and nothing has changed. */
static inline bool minke__account_charge(minke_account_t *account, size_t size)
{
    for (minke_account_t *at = account; at != NULL; at = at->parent) {
        if (size <= at->max && at->used <= at->max - size) continue;
        account->refused_by = at;
        ++*at->refusals;
        return false;
    }
    for (minke_account_t *at = account; at != NULL; at = at->parent) at->used += size;
    return true;
}

static inline void minke__account_release(minke_account_t *account, size_t size)
{
    for (minke_account_t *at = account; at != NULL; at = at->parent) at->used -= size;
}

/* NULL, which tests hand in, is an account without a limit. */
static inline size_t minke__account_limit(const minke_account_t *account)
{
    if (account == NULL) return SIZE_MAX;
    const minke_account_t *all = account->parent;
    const size_t share = all != NULL ? (all->max - all->used) / 8 : SIZE_MAX;
    return share < account->max ? share : account->max;
}

static inline size_t minke__account_window(const minke_account_t *account) { return minke__account_limit(account) / 4; }

/* What may be written; 0: nothing now. */
static inline size_t minke__account_room(const minke_account_t *account)
{
    if (account == NULL) return SIZE_MAX;
    const size_t most = minke__account_limit(account) / 4 * 3;
    return account->used < most ? most - account->used : 0;
}

static inline bool minke__account_is_short(const minke_account_t *account)
{
    return account != NULL && account->used >= minke__account_limit(account) / 8 * 7;
}

/* The transport's: too little is left to begin anything new with. */
static inline bool minke__account_is_crowded(const minke_account_t *all)
{
    return all->max - all->used < all->max / 32;
}

#endif
