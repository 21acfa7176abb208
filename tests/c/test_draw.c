/*
** test_draw.c - drawing against a plain reference: what stays, how often it
** comes, scores that are not finite, and the bounds of the work memory.
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "rnl.h"

enum { N = 37, GUARD = 64, ROUNDS = 3000 };

static rnl_Rng rng;


static int below (int n) {
  return (int)(rnl_rng_uniform(&rng) * n);
}


/* Work memory with a guard behind it, exactly as large as is promised. */
static char work[RNL_DRAW_WORK(N) + GUARD];


static void *fresh_work (void) {
  memset(work, 0x5A, sizeof work);
  return work;
}


static int guard_holds (int n) {
  for (size_t i = RNL_DRAW_WORK(n); i < sizeof work; i++)
    if (work[i] != 0x5A) return 0;
  return 1;
}


/* Scores with ties and a few impossible ids. */
static void make_logits (float *x, int n) {
  for (int i = 0; i < n; i++) {
    x[i] = (float)(rnl_rng_normal(&rng) * 3);
    if (below(3) == 0) x[i] = (float)below(4);
    if (below(12) == 0) x[i] = -INFINITY;
  }
  x[below(n)] = 0.5f;
}


static rnl_Draw make_draw (int n) {
  rnl_Draw d = RNL_DRAW;
  d.temperature = 0.3 + 2 * rnl_rng_uniform(&rng);
  if (below(2)) d.top_k = 1 + below(n + 3);
  if (below(2)) d.top_p = 0.05 + 0.9 * rnl_rng_uniform(&rng);
  if (below(2)) d.min_p = 0.3 * rnl_rng_uniform(&rng);
  if (below(2)) d.penalty = 0.5 + rnl_rng_uniform(&rng);
  d.window = below(8);
  return d;
}

/* {== The reference: a sort and doubles ================================== */

/* Ids kept, likeliest first, with probabilities before and after filters. */
typedef struct Kept {
  int n;
  int32_t id[N];
  double p[N], drawn[N];
} Kept;


static void sort_ids (const double *x, int32_t *id, int n) {
  for (int i = 1; i < n; i++) {
    int32_t a = id[i];
    int j = i;
    for (; j > 0 && (x[id[j - 1]] < x[a]); j--) id[j] = id[j - 1];
    id[j] = a;
  }
}


static void reference (const float *logits, int n, const rnl_Draw *d,
                       const int32_t *recent, int nrecent, Kept *kept) {
  double x[N], total = 0, mass = 0, sum = 0;
  int seen[N] = {0};
  for (int i = 0; i < n; i++) x[i] = (double)logits[i];
  for (int i = nrecent - 1; i >= 0 && i >= nrecent - d->window; i--) {
    int32_t id = recent[i];
    if (id >= n || seen[id]) continue;
    seen[id] = 1;
    x[id] = x[id] > 0 ? x[id] / d->penalty : x[id] * d->penalty;
  }
  for (int i = 0; i < n; i++) kept->id[i] = i;
  sort_ids(x, kept->id, n);
  for (int i = 0; i < n; i++) {
    kept->p[i] = exp((x[kept->id[i]] - x[kept->id[0]]) / d->temperature);
    total += kept->p[i];
  }
  kept->n = d->top_k > 0 && d->top_k < n ? d->top_k : n;
  for (int i = 0; i < kept->n; i++) mass += kept->p[i];
  if (d->top_p < 1) {
    int m = 0;
    for (double held = 0; m < kept->n && (m == 0 || held < d->top_p * mass);)
      held += kept->p[m++];
    kept->n = m;
  }
  while (kept->p[kept->n - 1] < d->min_p || kept->p[kept->n - 1] == 0)
    kept->n--;
  for (int i = 0; i < kept->n; i++) sum += kept->p[i];
  for (int i = 0; i < kept->n; i++) {
    kept->drawn[i] = kept->p[i] / sum;
    kept->p[i] /= total;
  }
}

/* }====================================================================== */


/* A sum right at the border of top_p may fall to either side. */
static int at_border (const Kept *kept, int n) {
  return abs(kept->n - n) == 1;
}


static void test_rank (void) {
  int borders = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int n = 1 + below(N), nrecent = below(12);
    float logits[N], logp[N];
    int32_t ids[N], recent[12];
    Kept kept;
    make_logits(logits, n);
    rnl_Draw d = make_draw(n);
    for (int i = 0; i < nrecent; i++) recent[i] = below(n + 2);
    reference(logits, n, &d, recent, nrecent, &kept);
    int got = rnl_rank(logits, n, &d, recent, nrecent, n, ids, logp,
                       fresh_work());
    CHECK_MSG(guard_holds(n), "round %d", round);
    if (got != kept.n && at_border(&kept, got)) {
      borders++;
      continue;
    }
    CHECK_MSG(got == kept.n, "round %d: %d, expected %d", round, got, kept.n);
    for (int i = 0; i < got && i < kept.n; i++) {
      CHECK_MSG(ids[i] == kept.id[i], "round %d, rank %d", round, i);
      CHECK_MSG(fabs((double)logp[i] - log(kept.p[i])) <
                1e-4 * (1 + fabs(log(kept.p[i]))), "round %d, rank %d", round,
                i);
    }
    int most = 1 + below(n);
    int fewer = rnl_rank(logits, n, &d, recent, nrecent, most, ids, logp,
                         fresh_work());
    CHECK(fewer == (most < got ? most : got));
    for (int i = 0; i < fewer; i++) CHECK(ids[i] == kept.id[i]);
  }
  CHECK_MSG(borders < ROUNDS / 200, "%d", borders);
}


static void test_frequencies (void) {
  enum { DRAWS = 20000 };
  for (int round = 0; round < 12; round++) {
    float logits[N];
    int count[N] = {0};
    int32_t recent[3] = {0, 5, 5};
    Kept kept;
    make_logits(logits, N);
    rnl_Draw d = make_draw(N);
    reference(logits, N, &d, recent, 3, &kept);
    for (int i = 0; i < DRAWS; i++) {
      int32_t id = rnl_draw(logits, N, &d, recent, 3, &rng, fresh_work());
      if (!CHECK(id >= 0 && id < N)) return;
      count[id]++;
    }
    CHECK(guard_holds(N));
    int sum = 0;
    for (int i = 0; i < kept.n; i++) {   /* six standard deviations */
      double p = kept.drawn[i], sd = sqrt(p * (1 - p) / DRAWS);
      double got = (double)count[kept.id[i]] / DRAWS;
      sum += count[kept.id[i]];
      CHECK_MSG(fabs(got - p) < 6 * sd + 1e-3, "round %d: %g, %g", round, got,
                p);
    }
    CHECK_MSG(sum == DRAWS, "round %d: %d of others", round, DRAWS - sum);
  }
}


/* A filter that keeps all draws what no filter draws, and as many numbers. */
static void test_no_filter (void) {
  for (int round = 0; round < 300; round++) {
    float logits[N];
    int32_t recent[2] = {1, 2};
    rnl_Draw plain = RNL_DRAW, all = RNL_DRAW;
    make_logits(logits, N);
    all.top_k = N + below(3);
    all.min_p = 1e-12;
    rnl_Rng a = rng, b = rng;
    CHECK(rnl_draw(logits, N, &plain, NULL, 0, &a, fresh_work()) ==
          rnl_draw(logits, N, &all, recent, 2, &b, fresh_work()));
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    rnl_rng_next(&rng);
  }
}


static void test_greedy (void) {
  float logits[5] = {1, 3, -2, 3, 0};
  int32_t recent[3] = {1, 1, 9};
  rnl_Draw d = RNL_DRAW;
  d.temperature = 0;
  rnl_Rng before = rng;
  CHECK(rnl_draw(logits, 5, &d, NULL, 0, &rng, fresh_work()) == 1);
  d.penalty = 2;
  CHECK(rnl_draw(logits, 5, &d, recent, 3, &rng, fresh_work()) == 3);
  d.window = 1;
  CHECK(rnl_draw(logits, 5, &d, recent, 3, &rng, fresh_work()) == 1);
  CHECK(memcmp(&before, &rng, sizeof rng) == 0);
}


static void test_not_finite (void) {
  static const float bad[] = {NAN, INFINITY};
  float logits[N], logp[N];
  int32_t ids[N];
  for (int k = 0; k < 2; k++) {
    for (int at = 0; at < N; at++) {
      for (int way = 0; way < 5; way++) {
        rnl_Draw d = RNL_DRAW;
        make_logits(logits, N);
        logits[at] = bad[k];
        if (way == 0) d.temperature = 0;
        if (way == 2) d.top_k = 3;
        if (way == 3) d.top_p = 0.5;
        if (way == 4) d.min_p = 0.5;
        rnl_Rng before = rng;
        CHECK_MSG(rnl_draw(logits, N, &d, NULL, 0, &rng, fresh_work()) == -1,
                  "%g at %d, way %d", (double)bad[k], at, way);
        CHECK(rnl_rank(logits, N, &d, NULL, 0, N, ids, logp, fresh_work()) ==
              -1);
        CHECK(memcmp(&before, &rng, sizeof rng) == 0);
        CHECK(guard_holds(N));
      }
    }
  }
  for (int i = 0; i < N; i++) logits[i] = -INFINITY;
  rnl_Draw d = RNL_DRAW;
  CHECK(rnl_draw(logits, N, &d, NULL, 0, &rng, fresh_work()) == -1);
  logits[N - 2] = -3e38f;   /* the only possible one */
  for (int i = 0; i < 50; i++)
    CHECK(rnl_draw(logits, N, &d, NULL, 0, &rng, fresh_work()) == N - 2);
}


/* Extremes of every option draw an id that is possible. */
static void test_extremes (void) {
  static const double huge[] = {1e-300, 1e-38, 1, 1e38, 1e300};
  float logits[4] = {3.4e38f, -INFINITY, -3.4e38f, 3.4e38f};
  int32_t recent[2] = {0, 2};
  for (int t = 0; t < 5; t++) {
    for (int p = 0; p < 5; p++) {
      rnl_Draw d = RNL_DRAW;
      d.temperature = huge[t];
      d.penalty = huge[p];
      int32_t id = rnl_draw(logits, 4, &d, recent, 2, &rng, fresh_work());
      CHECK_MSG(id == 0 || id == 2 || id == 3, "%g %g: %d", huge[t], huge[p],
                (int)id);
    }
  }
}


static void test_check (void) {
  rnl_Context *ctx;
  rnl_Draw d = RNL_DRAW;
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
  CHECK(rnl_draw_check(ctx, &d) == RNL_OK);
#define WRONG(field, value, word) do { \
    rnl_Draw wrong = RNL_DRAW; \
    wrong.field = value; \
    CHECK(rnl_draw_check(ctx, &wrong) == RNL_EARG); \
    CHECK_MSG(strstr(rnl_errmsg(ctx), word), "%s", rnl_errmsg(ctx)); \
  } while (0)
  WRONG(temperature, -1, "'temperature' must be 0 or more, got -1");
  WRONG(temperature, NAN, "'temperature'");
  WRONG(temperature, INFINITY, "'temperature'");
  WRONG(top_k, -1, "'top_k' must be 0 (all) or more, got -1");
  WRONG(top_p, 0, "'top_p' must be above 0 and at most 1");
  WRONG(top_p, 1.5, "'top_p'");
  WRONG(top_p, NAN, "'top_p'");
  WRONG(min_p, -0.1, "'min_p'");
  WRONG(min_p, NAN, "'min_p'");
  WRONG(penalty, 0, "'penalty' must be above 0");
  WRONG(penalty, NAN, "'penalty'");
  WRONG(window, -1, "'window'");
  rnl_context_release(ctx);
}


int main (void) {
  rnl_rng_seed(&rng, 7);
  test_rank();
  test_frequencies();
  test_no_filter();
  test_greedy();
  test_not_finite();
  test_extremes();
  test_check();
  return harness_end("draw");
}
