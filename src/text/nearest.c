/*
** nearest.c - the rows of a table nearest to a vector, by cosine. One pass over
** the table gives products and norms: nothing is kept that a change of the
** table would make wrong.
*/
#include <math.h>
#include <string.h>

#include "text/text.h"

enum { PART = 512, LANES = 16, ROWS = 256 };   /* rows of one task */

typedef struct Search {
  const rnl_Tensor *table;
  const double *query;     /* (D) of length 1, or zeros */
  double *score;           /* (V) */
  int V, D;
} Search;


static void load (const rnl_Tensor *t, size_t at, int n, double *to) {
  const float *x = (const float *)t->data + at;
  if (t->dtype == RNL_F64)
    memcpy(to, (const double *)t->data + at, (size_t)n * sizeof *to);
  else
    for (int i = 0; i < n; i++) to[i] = (double)x[i];
}


/* Adds a.b and a.a over fixed lanes: the same for every vector width. */
RNLI_WIDE static void products (const double *restrict a,
                                const double *restrict b, int n,
                                double *ab, double *aa) {
  double p[LANES] = {0}, q[LANES] = {0};
  int i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      p[k] += a[i + k] * b[i + k];
      q[k] += a[i + k] * a[i + k];
    }
  for (int k = 0; i < n; i++, k++) {
    p[k] += a[i] * b[i];
    q[k] += a[i] * a[i];
  }
  for (int k = 0; k < LANES; k++) {
    *ab += p[k];
    *aa += q[k];
  }
}


static void score_rows (void *arg, int task) {
  const Search *s = arg;
  int last = s->V - task * ROWS < ROWS ? s->V : (task + 1) * ROWS;
  for (int v = task * ROWS; v < last; v++) {
    double part[PART], ab = 0, aa = 0;
    for (int i = 0; i < s->D; i += PART) {
      int n = s->D - i < PART ? s->D - i : PART;
      load(s->table, (size_t)v * (size_t)s->D + (size_t)i, n, part);
      products(part, s->query + i, n, &ab, &aa);
    }
    s->score[v] = aa > 0 ? ab / sqrt(aa) : aa;
  }
}


/* The best of all scores; NaN comes last. */
static int best (const Search *s, int k, int *row, double *score) {
  int n = 0;
  for (int v = 0; v < s->V; v++) {
    double x = s->score[v];
    int i = n < k ? n : k;
    while (i > 0 && (x > score[i - 1] || (isnan(score[i - 1]) && !isnan(x)))) {
      if (i < k) {
        score[i] = score[i - 1];
        row[i] = row[i - 1];
      }
      i--;
    }
    if (i == k) continue;
    score[i] = x;
    row[i] = v;
    n += n < k;
  }
  return n;
}


static int check (const rnl_Tensor *table, const rnl_Tensor *query) {
  if (table->dtype == RNL_I32 || query->dtype == RNL_I32)
    return rnli_error(table->ctx, RNL_EDTYPE, "nearest: vectors must be "
                      "float32 or float64, got int32");
  if (table->ndim == 2 && query->ndim == 1 && query->dim[0] == table->dim[1])
    return RNL_OK;
  return rnli_error(table->ctx, RNL_ESHAPE, "nearest: 'query' must be (D), of "
                    "a table (V, D), got %s and %s", rnli_shape(query).text,
                    rnli_shape(table).text);
}


/* The query, of length 1. */
static void scale (const rnl_Tensor *query, double *to) {
  int D = query->dim[0];
  double square = 0, same = 0;
  load(query, 0, D, to);
  products(to, to, D, &same, &square);
  for (int i = 0; square > 0 && i < D; i++) to[i] /= sqrt(square);
}


int rnl_nearest (rnl_Tensor *table, rnl_Tensor *query, int k, int *row,
                 double *score, int *n) {
  int status = check(table, query);
  *n = 0;
  if (status != RNL_OK) return status;
  Search s = {.table = table, .V = table->dim[0], .D = table->dim[1]};
  size_t count = (size_t)s.V + (size_t)s.D;
  double *work = rnli_get(table->ctx, rnli_mul(count, sizeof *work));
  if (!work)
    return rnli_nomem(table->ctx, "nearest", rnli_mul(count, sizeof *work));
  scale(query, work);
  s.query = work;
  s.score = work + s.D;
  rnli_parallel(table->ctx, s.V / ROWS + (s.V % ROWS > 0), score_rows, &s);
  *n = best(&s, k, row, score);
  rnli_put(table->ctx, work);
  return RNL_OK;
}
