/*
** draw.c - an id by the probabilities of its scores.
**
** Ids that are filtered out get the weight 0; what is left is drawn as if
** nothing had been filtered. So a filter that keeps all changes nothing.
*/
#include <float.h>
#include <math.h>

#include "core/core.h"
#include "kernels/kernels.h"

enum { LANES = 16 };

/* The scores of one draw, in the memory of the caller. */
typedef struct Scores {
  const float *x;    /* (n) after the penalty */
  float *w;          /* (n) e^((x - top) / temperature) */
  int32_t *heap;     /* (n) ids, the likeliest on top */
  int n;
} Scores;


int rnl_draw_check (rnl_Context *ctx, const rnl_Draw *d) {
  if (!(d->temperature >= 0 && d->temperature <= DBL_MAX))
    return rnli_error(ctx, RNL_EARG, "draw: 'temperature' must be 0 or more, "
                      "got %g", d->temperature);
  if (d->top_k < 0)
    return rnli_error(ctx, RNL_EARG, "draw: 'top_k' must be 0 (all) or more, "
                      "got %d", d->top_k);
  if (!(d->top_p > 0 && d->top_p <= 1))
    return rnli_error(ctx, RNL_EARG, "draw: 'top_p' must be above 0 and at "
                      "most 1 (all), got %g", d->top_p);
  if (!(d->min_p >= 0 && d->min_p <= 1))
    return rnli_error(ctx, RNL_EARG, "draw: 'min_p' must be from 0 (all) to "
                      "1, got %g", d->min_p);
  if (!(d->penalty > 0 && d->penalty <= DBL_MAX))
    return rnli_error(ctx, RNL_EARG, "draw: 'penalty' must be above 0 (1 is "
                      "none), got %g", d->penalty);
  if (d->window < 0)
    return rnli_error(ctx, RNL_EARG, "draw: 'window' must be 0 or more, "
                      "got %d", d->window);
  return RNL_OK;
}

/* {== Scores to weights ================================================== */

static int32_t likeliest (const float *logits, int n) {
  int32_t best = 0;
  for (int32_t i = 1; i < n; i++)
    if (logits[i] > logits[best]) best = i;
  return best;
}


RNLI_WIDE static int all_below (const float *x, int n, float top) {
  int above = 0;
  for (int i = 0; i < n; i++) above += !(x[i] <= top);   /* NaN is not */
  return above == 0;
}


/* Over fixed lanes: the same for every vector width. */
RNLI_WIDE static double sum (const float *x, int n) {
  double s[LANES] = {0};
  int i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) s[k] += (double)x[i + k];
  for (int k = 0; i < n; i++, k++) s[k] += (double)x[i];
  for (int w = LANES / 2; w > 0; w /= 2)
    for (int k = 0; k < w; k++) s[k] += s[k + w];
  return s[0];
}


/* A factor above 0 as a float that is neither 0 nor infinity. */
static float factor (double x) {
  return x < (double)FLT_MIN ? FLT_MIN : x > (double)FLT_MAX ? FLT_MAX
                                                              : (float)x;
}


/* A copy of the scores with those of recent ids made smaller. */
static void penalise (const float *logits, int n, const rnl_Draw *d,
                      const int32_t *recent, int nrecent, float *x) {
  float p = factor(d->penalty);
  memcpy(x, logits, (size_t)n * sizeof *x);
  for (int i = nrecent > d->window ? nrecent - d->window : 0; i < nrecent;
       i++) {
    int32_t id = recent[i];
    if (id < 0 || id >= n) continue;
    float l = logits[id];   /* not x: an id counts once */
    x[id] = l > 0 ? fminf(l / p, FLT_MAX) : l * p;
  }
}


/* Deals out 'work'; returns the likeliest id, -1 if its score is not finite. */
static int32_t prepare (Scores *s, const float *logits, int n,
                        const rnl_Draw *d, const int32_t *recent, int nrecent,
                        void *work) {
  float *x = work;
  *s = (Scores){.x = logits, .w = x + n, .n = n};
  s->heap = (int32_t *)work + 2 * (size_t)n;
  if (d->penalty != 1 && nrecent > 0) {
    penalise(logits, n, d, recent, nrecent, x);
    s->x = x;
  }
  int32_t best = likeliest(s->x, n);
  return isfinite(s->x[best]) ? best : -1;
}

/* }====================================================================== */

/* {== Filters ============================================================ */

static int before (const float *x, int32_t a, int32_t b) {
  return x[a] > x[b] || (x[a] == x[b] && a < b);
}


static void sink (const float *x, int32_t *heap, int n, int i) {
  int32_t id = heap[i];
  for (int child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && before(x, heap[child + 1], heap[child])) child++;
    if (!before(x, heap[child], id)) break;
    heap[i] = heap[child];
  }
  heap[i] = id;
}


static void make_heap (Scores *s) {
  for (int32_t i = 0; i < s->n; i++) s->heap[i] = i;
  for (int i = s->n / 2 - 1; i >= 0; i--) sink(s->x, s->heap, s->n, i);
}


/* Moves the top of the 'left' ids in the heap behind them. */
static int32_t pop (Scores *s, int left) {
  int32_t id = s->heap[0];
  s->heap[0] = s->heap[left - 1];
  s->heap[left - 1] = id;
  sink(s->x, s->heap, left - 1, 0);
  return id;
}


/*
** How many ids the filters keep, 'most' or fewer: they are the last ones of
** the heap, the likeliest at the very end. 'mass' is the sum of all weights.
*/
static int keep (Scores *s, const rnl_Draw *d, double mass, int most) {
  int n = s->n, popped = 0, kept = 0;
  int k = d->top_k > 0 && d->top_k < n ? d->top_k : n;
  double held = 0;
  make_heap(s);
  if (k < n) {
    mass = 0;
    for (; popped < k; popped++) mass += (double)s->w[pop(s, n - popped)];
  }
  while (kept < k && kept < most) {
    if (kept == popped) pop(s, n - popped++);
    double w = (double)s->w[s->heap[n - 1 - kept]];
    if (w == 0 || w < d->min_p) break;
    kept++;
    held += w;
    if (d->top_p < 1 && held >= d->top_p * mass) break;
  }
  return kept;
}


/* Weights of what the filters leave out become 0. */
static void filter (Scores *s, const rnl_Draw *d, double mass) {
  if (d->top_k > 0 || d->top_p < 1) {
    int kept = keep(s, d, mass, s->n);
    for (int i = 0; i < s->n - kept; i++) s->w[s->heap[i]] = 0;
  } else if (d->min_p > 0) {
    for (int i = 0; i < s->n; i++)
      if ((double)s->w[i] < d->min_p) s->w[i] = 0;
  }
}

/* }====================================================================== */

/* {== Drawing ============================================================ */

/* The id at 'rest' of the weights laid end to end. */
static int32_t pick (const float *w, int n, double rest) {
  for (int32_t i = 0; i < n; i++) {
    rest -= (double)w[i];
    if (rest < 0) return i;
  }
  do n--; while (w[n] == 0);   /* rounding; the likeliest has weight 1 */
  return n;
}


int32_t rnl_draw (const float *logits, int n, const rnl_Draw *d,
                  const int32_t *recent, int nrecent, rnl_Rng *rng,
                  void *work) {
  Scores s;
  int32_t best = prepare(&s, logits, n, d, recent, nrecent, work);
  if (best < 0) return -1;
  if (d->temperature == 0)
    return all_below(s.x, n, s.x[best]) ? best : -1;
  rnli_exps(s.x, (size_t)n, s.x[best], factor(1 / d->temperature), s.w);
  double mass = sum(s.w, n);
  if (!isfinite(mass)) return -1;
  if (d->top_k > 0 || d->top_p < 1 || d->min_p > 0) {
    filter(&s, d, mass);
    mass = sum(s.w, n);
  }
  return pick(s.w, n, rnl_rng_uniform(rng) * mass);
}


int rnl_rank (const float *logits, int n, const rnl_Draw *d,
              const int32_t *recent, int nrecent, int most, int32_t *ids,
              float *logp, void *work) {
  Scores s;
  int32_t best = prepare(&s, logits, n, d, recent, nrecent, work);
  if (best < 0) return -1;
  float top = s.x[best];
  float inverse = d->temperature > 0 ? factor(1 / d->temperature) : 1;
  rnli_exps(s.x, (size_t)n, top, inverse, s.w);
  double mass = sum(s.w, n);
  if (!isfinite(mass)) return -1;
  int kept = keep(&s, d, mass, d->temperature > 0 || most < 1 ? most : 1);
  for (int i = 0; i < kept; i++) {
    ids[i] = s.heap[n - 1 - i];
    logp[i] = (float)((double)((s.x[ids[i]] - top) * inverse) - log(mass));
  }
  return kept;
}

/* }====================================================================== */
