/*
** over.h - sharing the rows of an op among the context's workers. What one row
** gets must not depend on the others; then the cut into chunks changes nothing.
*/
#ifndef RNLI_OVER_H
#define RNLI_OVER_H

#include <limits.h>

#include "core/core.h"

enum { RNLI_CHUNK = 1 << 14 };   /* elements worth a worker's while */

typedef void rnli_Part (rnl_Call *c, size_t from, size_t to);

typedef struct rnli_Over {
  rnl_Call *c;
  size_t rows, per;
  rnli_Part *part;
} rnli_Over;


static inline void rnli_over_chunk (void *arg, int i) {
  const rnli_Over *w = arg;
  size_t from = (size_t)i * w->per;
  size_t to = w->rows - from < w->per ? w->rows : from + w->per;
  w->part(w->c, from, to);
}


/* Runs part(c, from, to) over all of [0, rows), 'cost' elements a row. */
static inline void rnli_over (rnl_Call *c, size_t rows, size_t cost,
                              rnli_Part *part) {
  size_t per = RNLI_CHUNK / (cost ? cost : 1) + 1;
  while ((rows + per - 1) / per > INT_MAX) per *= 2;
  rnli_Over w = {c, rows, per, part};
  if (rows <= per) part(c, 0, rows);
  else rnli_parallel(c->ctx, (int)((rows + per - 1) / per),
                     rnli_over_chunk, &w);
}

#endif
