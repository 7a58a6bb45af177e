/* The cells of the interop table as Minke plays them: the dialer's side of tests/interop/peers/cells.js. */
#ifndef MINKE_INTEROP_CELLS_H
#define MINKE_INTEROP_CELLS_H

#include "link.h"

typedef struct cell {
    const char *name;
    bool (*run)(link_t *link); /* what it found is in link->facts */
} cell_t;

const cell_t *find_cell(const char *name);

#endif
