/*
** attention.c - attention, query by query: scores, softmax and means as those
** of the op (ops/attention.c).
*/
#include <math.h>
#include <stdio.h>

#include "infer/attention.h"
#include "kernels/sums.h"

enum { NAME = 64 };   /* bytes of a path */

/* {== Loading ============================================================ */

static int load_additive (rnli_Loader *l, const char *path,
                          const rnli_Json *layer, rnli_Attention *a) {
  float *w;
  int size = rnli_whole_of(layer, "size", 0, 0, INT32_MAX);
  if (size < 0)
    return rnli_misfit(l, "its Attention '%s' has no 'size'", path);
  a->E = size > 0 ? size : a->K;
  int status = rnli_matrix(l, path, "weight_query", NULL, a->Q, a->E,
                           &a->query);
  if (status == RNL_OK)
    status = rnli_matrix(l, path, "weight_key", NULL, a->K, a->E, &a->key);
  if (status == RNL_OK) status = rnli_tensor(l, path, "weight", 1, &a->E, &w);
  if (status == RNL_OK) a->w = w;
  return status;
}


static int load_plain (rnli_Loader *l, const char *path,
                       const rnli_Json *layer, rnli_Attention *a) {
  enum { ADDITIVE, GENERAL, SCALED };
  int kind = rnli_word_of(layer, "kind", "additive|general|scaled_dot|dot");
  a->heads = 1;
  a->E = a->F = a->C = a->K;
  a->scale = 1;
  if (rnli_size(layer, 0) != a->Q || rnli_size(layer, 1) != a->K)
    return rnli_misfit(l, "has no fitting Attention '%s'", path);
  if (kind == ADDITIVE)
    return load_additive(l, path, layer, a);
  if (kind == GENERAL)
    return rnli_dense_load(l, path, a->Q, a->K, 0, &a->query);
  if (kind == SCALED) a->scale = (float)(1 / sqrt(a->K > 0 ? a->K : 1));
  if (kind < 0)
    return rnli_misfit(l, "its Attention '%s' is of no known kind", path);
  if (a->Q == a->K) return RNL_OK;
  return rnli_misfit(l, "has no fitting Attention '%s'", path);
}


/*
** The i-th of query, key and value: E rows of a projection that all three
** share, or a matrix NAME of its own.
*/
static int load_projection (rnli_Loader *l, const char *path, const char *name,
                            int own, const float *b, int i, int in, int E,
                            rnli_Dense *d) {
  rnli_Weights w;
  size_t row = (size_t)i * (size_t)E;
  int status = own ? rnli_weights(l, path, name, E, in, 0, &w)
                   : rnli_weights(l, path, "in_proj_weight", 3 * E, E, 0, &w);
  if (status != RNL_OK) return status;
  if (!own) w.slice[0].at = row * (size_t)E;
  return rnli_dense_pack(l, &w, b ? b + row : NULL, E, d);
}


static int load_projections (rnli_Loader *l, const char *path, int bias,
                             int own, rnli_Attention *a) {
  int all = 3 * a->E, status = RNL_OK;
  float *b = NULL;
  if (bias) status = rnli_tensor_once(l, path, "in_proj_bias", 1, &all, &b);
  if (status == RNL_OK)
    status = load_projection(l, path, "q_proj_weight", own, b, 0, a->E, a->E,
                             &a->query);
  if (status == RNL_OK)
    status = load_projection(l, path, "k_proj_weight", own, b, 1, a->K, a->E,
                             &a->key);
  if (status == RNL_OK)
    status = load_projection(l, path, "v_proj_weight", own, b, 2, a->K, a->E,
                             &a->value);
  rnli_put(l->ctx, b);
  return status;
}


/* What comes of all heads. */
static int load_out (rnli_Loader *l, const char *path, int bias,
                     rnli_Attention *a) {
  char full[NAME];
  if (snprintf(full, sizeof full, "%s.out_proj", path) >= NAME)
    return rnli_misfit(l, "has no fitting attention");
  return rnli_dense_load(l, full, a->E, a->E, bias, &a->out);
}


/* Is an option as large as what it stands for, or 0 for E? */
static int is_size (const rnli_Json *layer, const char *name, int E, int K) {
  double size = rnli_number_of(layer, name, 0);
  return size == K || (size == 0 && E == K);
}


static int load_heads (rnli_Loader *l, const char *path,
                       const rnli_Json *layer, rnli_Attention *a) {
  int bias = rnli_flag_of(layer, "bias", 1);
  a->heads = rnli_size(layer, 1);
  a->E = a->F = a->C = a->Q;
  if (rnli_size(layer, 0) != a->E || a->E > INT32_MAX / 3 || a->heads < 1 ||
      a->E % a->heads != 0 || !is_size(layer, "kdim", a->E, a->K) ||
      !is_size(layer, "vdim", a->E, a->K) ||
      rnli_flag_of(layer, "causal", 0))
    return rnli_misfit(l, "has no fitting MultiheadAttention '%s'", path);
  int d = a->E / a->heads;
  a->scale = (float)(1 / sqrt(d > 0 ? d : 1));
  int status = load_projections(l, path, bias, a->K != a->E, a);
  return status == RNL_OK ? load_out(l, path, bias, a) : status;
}


int rnli_attention (rnli_Loader *l, const char *path, int Q, int K,
                    rnli_Attention *a) {
  const rnli_Json *layer = rnli_layer(l, path);
  *a = (rnli_Attention){.Q = Q, .K = K};
  if (rnli_is_class(layer, "Attention"))
    return load_plain(l, path, layer, a);
  if (rnli_is_class(layer, "MultiheadAttention"))
    return load_heads(l, path, layer, a);
  return rnli_misfit(l, "has no attention '%s'", path);
}

/* }====================================================================== */

/* {== Running ============================================================ */

/* Rows of x through a projection, where there is one. */
static int project (const rnl_Model *m, const rnli_Dense *d, rnli_Work *w,
                    const float *x, int rows, const float **y) {
  *y = x;
  if (!d->panel) return RNL_OK;
  float *made = rnli_floats(w, (size_t)rows, (size_t)d->out);
  *y = made;
  if (!made) return RNL_ENOMEM;
  return rnli_dense(m, d, w, x, rows, made, (size_t)d->out);
}


int rnli_remember (const rnl_Model *m, const rnli_Attention *a, rnli_Work *w,
                   const float *e, int S, rnli_Memory *memory) {
  memory->S = S;
  int status = project(m, &a->key, w, e, S, &memory->keys);
  if (status == RNL_OK)
    status = project(m, &a->value, w, e, S, &memory->values);
  return status;
}


/* The score of a key: with w, or a product. */
static float score (const float *w, const float *q, const float *k,
                    size_t d) {
  float u[RNLI_BUFFER];
  double sum = 0;
  if (!w) return (float)rnli_dot(q, k, d);
  for (size_t i = 0; i < d; i += RNLI_BUFFER) {
    size_t n = d - i < RNLI_BUFFER ? d - i : RNLI_BUFFER;
    for (size_t j = 0; j < n; j++) u[j] = q[i + j] + k[i + j];
    rnli_tanh_all(u, n);
    sum += rnli_dot(w + i, u, n);
  }
  return (float)sum;
}


/* p of one query, from its scores. */
static void soften (float *p, size_t S, float scale) {
  for (size_t s = 0; s < S; s++) p[s] *= scale;
  float top = rnli_largest(p, S);
  if (top == -(float)INFINITY) top = 0;   /* of NaN */
  double sum = rnli_exp_all(p, S, top);
  float part = sum == 0 ? 0 : (float)(1 / sum);
  for (size_t s = 0; s < S; s++) p[s] *= part;
}


/* A head of one query: p to 'p' (S), the mean to y. */
static void run_head (const rnli_Attention *a, const rnli_Memory *memory,
                      int head, const float *query, float *p, float *y) {
  size_t S = (size_t)memory->S, E = (size_t)a->E, F = (size_t)a->F;
  size_t d = E / (size_t)a->heads, dv = F / (size_t)a->heads;
  size_t at = (size_t)head * d, to = (size_t)head * dv;
  const float *w = a->w ? a->w + at : NULL;
  for (size_t s = 0; s < S; s++)
    p[s] = score(w, query + at, memory->keys + s * E + at, d);
  soften(p, S, a->scale);
  for (size_t j = 0; j < dv; j++) y[to + j] = 0;
  for (size_t s = 0; s < S; s++) {
    const float *v = memory->values + s * F + to;
    for (size_t j = 0; j < dv; j++) y[to + j] += p[s] * v[j];
  }
}


/* All heads of one query; 'weights' becomes the mean of theirs. */
static void run_query (const rnli_Attention *a, const rnli_Memory *memory,
                       const float *query, float *p, float *y,
                       float *weights) {
  size_t S = (size_t)memory->S;
  for (int head = 0; head < a->heads; head++) {
    run_head(a, memory, head, query, p, y);
    if (!weights) continue;
    if (head == 0) memset(weights, 0, S * sizeof *weights);
    for (size_t s = 0; s < S; s++) weights[s] += p[s];
  }
  for (size_t s = 0; weights && s < S; s++) weights[s] /= (float)a->heads;
}


int rnli_attend (const rnl_Model *m, const rnli_Attention *a, rnli_Work *w,
                 const rnli_Memory *memory, const float *x, int R, float *y,
                 float *weights) {
  rnli_Mark mark = rnli_work_mark(w);
  const float *query;
  size_t S = (size_t)memory->S, E = (size_t)a->E, F = (size_t)a->F;
  float *p = rnli_floats(w, S, 1);
  float *means = a->out.panel ? rnli_floats(w, (size_t)R, F) : y;
  if (!p || !means) return RNL_ENOMEM;
  int status = project(m, &a->query, w, x, R, &query);
  for (size_t r = 0; status == RNL_OK && r < (size_t)R; r++)
    run_query(a, memory, query + r * E, p, means + r * F,
              weights ? weights + r * S : NULL);
  if (status == RNL_OK && a->out.panel)
    status = rnli_dense(m, &a->out, w, means, R, y, (size_t)a->C);
  rnli_work_back(w, mark);
  return status;
}

/* }====================================================================== */
