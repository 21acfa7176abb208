/*
** crf.c - linear-chain conditional random fields: the tags of largest score
** (Viterbi 1967), as ops/crf.c finds them.
**   s(y) = start_y1 + sum_t e_t,yt + sum_t trans_yt,y(t+1) + end_yL
** Steps that a scheme forbids count as -inf. A file says which these are; they
** must be those that follow from the names of the tags.
*/
#include <math.h>

#include "infer/infer.h"

/* {== Schemes ============================================================ */

/*
** Prefixes that go on with a span, that it may go on after, and that may end
** it; whether tags have types (layers/crf.lua).
*/
typedef struct Scheme {
  char name[8];
  char inside[4], open[4], ends[4];
  int typed;
} Scheme;

static const Scheme schemes[] = {
  {"BIOES", "IE", "BI", "ES", 1},
  {"BMES", "ME", "BM", "ES", 0}
};


static int has (const char *set, char prefix) {
  return strchr(set, prefix) != NULL;
}


/* Are all tags of the scheme? */
static int is_kept (const Scheme *s, const rnli_Tags *tags) {
  for (int i = 0; i < tags->n; i++) {
    if (tags->prefix[i] == 0) return 0;
    if (tags->prefix[i] != 'O' && (tags->type[i] > 0) != s->typed) return 0;
  }
  return 1;
}


/* May a tag come right after another? -1 is the start, n the end. */
static int follows (const Scheme *s, const rnli_Tags *tags, int a, int b) {
  char before = a < 0 ? 'O' : tags->prefix[a];
  char prefix = b == tags->n ? 'O' : tags->prefix[b];
  if (has(s->inside, prefix))
    return has(s->open, before) && tags->type[a] == tags->type[b];
  return before == 'O' || has(s->ends, before);
}


/* Is x the step {from, to}, which a file counts from the start, 0? */
static int is_step (const rnli_Json *x, int from, int to) {
  int64_t at;
  if (rnli_json_kind(x) != RNLI_LIST || rnli_json_count(x) != 2) return 0;
  x = rnli_json_first(x);
  return rnli_json_int(x, from + 1, from + 1, &at) &&
         rnli_json_int(rnli_json_next(x), to + 1, to + 1, &at);
}


static void forbid (rnli_Crf *crf, int from, int to) {
  if (from < 0 && to < crf->K) crf->start[to] = -INFINITY;
  else if (from >= 0 && to == crf->K) crf->end[from] = -INFINITY;
  else if (from >= 0)
    crf->into[(size_t)to * (size_t)crf->K + (size_t)from] = -INFINITY;
}


/* Forbids what the scheme does, NULL: nothing; 0 if 'list' is not that. */
static int forbid_steps (const Scheme *s, const rnli_Tags *tags,
                         const rnli_Json *list, rnli_Crf *crf) {
  const rnli_Json *x = rnli_json_first(list);
  for (int from = -1; s && from < tags->n; from++)
    for (int to = 0; to <= tags->n; to++) {
      if (follows(s, tags, from, to)) continue;
      if (!is_step(x, from, to)) return 0;
      forbid(crf, from, to);
      x = rnli_json_next(x);
    }
  return x == NULL;
}

/* }====================================================================== */

/* {== Loading ============================================================ */

static int load_scores (rnli_Loader *l, const char *path, rnli_Crf *crf) {
  size_t K = (size_t)crf->K;
  int dim[2] = {crf->K, crf->K};
  float *trans;
  int status = rnli_tensor_once(l, path, "transitions", 2, dim, &trans);
  if (status == RNL_OK)
    status = rnli_tensor(l, path, "start_transitions", 1, dim, &crf->start);
  if (status == RNL_OK)
    status = rnli_tensor(l, path, "end_transitions", 1, dim, &crf->end);
  if (status == RNL_OK) {
    crf->into = rnli_keep(l, K * K, sizeof *crf->into);
    if (!crf->into) status = RNL_ENOMEM;
  }
  for (size_t i = 0; status == RNL_OK && i < K; i++)
    for (size_t j = 0; j < K; j++) crf->into[j * K + i] = trans[i * K + j];
  rnli_put(l->ctx, trans);
  return status;
}


int rnli_crf (rnli_Loader *l, const char *path, const rnli_Tags *tags,
              const char *scheme, rnli_Crf *crf) {
  const rnli_Json *layer = rnli_layer(l, path);
  const Scheme *s = scheme ? schemes : NULL;
  while (s && strcmp(s->name, scheme) != 0) s++;
  *crf = (rnli_Crf){.K = tags->n};
  if (!rnli_is_class(layer, "CRF") || rnli_size(layer, 0) != tags->n)
    return rnli_misfit(l, "its layers do not fit its words and tags");
  int status = load_scores(l, path, crf);
  if (status != RNL_OK) return status;
  const rnli_Json *list = rnli_json_get(rnli_json_get(layer, "options"),
                                        "constraints");
  if ((s && !is_kept(s, tags)) || !forbid_steps(s, tags, list, crf))
    return rnli_misfit(l, "its layer '%s' does not keep to the scheme of its "
                       "tags", path);
  return RNL_OK;
}

/* }====================================================================== */

/* {== Decoding =========================================================== */

/* The best way to a tag, of two as good the one from the lower tag. */
static double best_of (const double *prev, const float *into, double e,
                       size_t K, int32_t *from) {
  double best = -(double)INFINITY;
  *from = 0;
  for (size_t i = 0; i < K; i++) {
    double score = prev[i] + ((double)into[i] + e);
    if (!(score > best)) continue;
    best = score;
    *from = (int32_t)i;
  }
  return best;
}


int rnli_crf_decode (const rnli_Crf *crf, rnli_Work *w, const float *score,
                     int T, int32_t *tag) {
  size_t K = (size_t)crf->K, n = (size_t)T;
  double *now = rnli_work(w, K, sizeof *now);
  double *prev = rnli_work(w, K, sizeof *prev);
  int32_t *from = rnli_work(w, rnli_mul(n, K), sizeof *from);
  if (!now || !prev || !from) return RNL_ENOMEM;
  for (size_t j = 0; j < K; j++)
    now[j] = (double)crf->start[j] + (double)score[j];
  for (size_t t = 1; t < n; t++) {
    double *other = prev;
    prev = now;
    now = other;
    for (size_t j = 0; j < K; j++)
      now[j] = best_of(prev, crf->into + j * K, (double)score[t * K + j], K,
                       &from[t * K + j]);
  }
  double best = -(double)INFINITY;
  tag[n - 1] = 0;
  for (size_t i = 0; i < K; i++) {
    double all = now[i] + (double)crf->end[i];
    if (!(all > best)) continue;
    best = all;
    tag[n - 1] = (int32_t)i;
  }
  for (size_t t = n - 1; t > 0; t--)
    tag[t - 1] = from[t * K + (size_t)tag[t]];
  return RNL_OK;
}

/* }====================================================================== */
