/*
** layers.c - the layers between recurrent ones and labels: convolutions over
** steps, pools, perceptrons. Each row is by itself.
*/
#include <math.h>
#include <stdio.h>

#include "infer/infer.h"
#include "kernels/vmath.h"

int rnli_dropout (rnli_Loader *l, const char *path) {
  const rnli_Json *layer = rnli_layer(l, path);
  if (!layer || rnli_is_class(layer, "Dropout")) return RNL_OK;
  return rnli_misfit(l, "its layer '%s' is of another class", path);
}

/* {== Convolution ======================================================== */

/* Sizes and options, which are not trusted; 0 when they make no such layer. */
static int conv_sizes (const rnli_Json *layer, rnli_Conv *c) {
  int padding = rnli_whole_of(layer, "padding", 0, 0, INT32_MAX);
  int causal = rnli_flag_of(layer, "causal", 0);
  *c = (rnli_Conv){.D = rnli_size(layer, 0), .F = rnli_size(layer, 1),
                   .kernel = rnli_size(layer, 2),
                   .stride = rnli_whole_of(layer, "stride", 1, 1, INT32_MAX),
                   .dilation = rnli_whole_of(layer, "dilation", 1, 1,
                                             INT32_MAX)};
  if (c->D < 1 || c->F < 1 || c->kernel < 1 || c->stride < 1 ||
      c->dilation < 1 || padding < 0 || c->D > INT32_MAX / c->kernel)
    return 0;
  int64_t span = (int64_t)(c->kernel - 1) * c->dilation;
  c->left = causal ? (int)span : padding;
  return span <= INT32_MAX && (causal ? padding == 0
                                      : 2 * (int64_t)padding == span);
}


int rnli_conv (rnli_Loader *l, const char *path, int D, rnli_Conv *c) {
  const rnli_Json *layer = rnli_layer(l, path);
  if (!rnli_is_class(layer, "Conv1d") || !conv_sizes(layer, c) || c->D != D)
    return rnli_misfit(l, "has no fitting Conv1d '%s'", path);
  const char *bias = rnli_flag_of(layer, "bias", 1) ? "bias" : NULL;
  rnli_Weights w;
  int status = rnli_weights(l, path, "weight", c->F, c->kernel * c->D,
                            c->kernel, &w);
  if (status != RNL_OK) return status;
  return rnli_dense_read(l, &w, path, bias, c->F, &c->dense);
}


/* The steps of x that step t of y sees, side by side. */
static void take_steps (const rnli_Conv *c, const float *x, int T, int t,
                        float *row) {
  size_t D = (size_t)c->D;
  for (int j = 0; j < c->kernel; j++, row += D) {
    int64_t at = (int64_t)t * c->stride + (int64_t)j * c->dilation - c->left;
    if (at >= 0 && at < T) memcpy(row, x + (size_t)at * D, D * sizeof *row);
    else memset(row, 0, D * sizeof *row);
  }
}


enum { CHUNK = 64 };   /* steps of y that are made together */

int rnli_conv_run (const rnl_Model *m, const rnli_Conv *c, rnli_Work *w,
                   const float *x, int T, float *y) {
  rnli_Mark mark = rnli_work_mark(w);
  int steps = rnli_conv_steps(c, T), most = steps < CHUNK ? steps : CHUNK;
  size_t width = (size_t)c->dense.in, F = (size_t)c->F;
  float *rows = rnli_floats(w, (size_t)most, width);
  if (!rows) return RNL_ENOMEM;
  int status = RNL_OK;
  for (int done = 0; status == RNL_OK && done < steps; done += most) {
    int n = steps - done < most ? steps - done : most;
    for (int i = 0; i < n; i++)
      take_steps(c, x, T, done + i, rows + (size_t)i * width);
    status = rnli_dense(m, &c->dense, w, rows, n, y + (size_t)done * F, F);
  }
  rnli_work_back(w, mark);
  return status;
}

/* }====================================================================== */

/* {== Pools ============================================================== */

static int load_attention (rnli_Loader *l, const char *path,
                           const rnli_Json *layer, rnli_Pooling *p) {
  float *context;
  int hidden = rnli_whole_of(layer, "hidden", 0, 0, INT32_MAX);
  if (hidden < 0 || rnli_size(layer, 0) != p->F)
    return rnli_misfit(l, "has no fitting AttentionPool '%s'", path);
  if (hidden == 0) hidden = p->F;
  p->kind = RNLI_POOL_ATTENTION;
  int status = rnli_dense_load(l, path, p->F, hidden, 1, &p->dense);
  if (status == RNL_OK)
    status = rnli_tensor(l, path, "context", 1, &hidden, &context);
  if (status == RNL_OK) p->context = context;
  return status;
}


int rnli_pooling (rnli_Loader *l, const char *path, int F, rnli_Pooling *p) {
  const rnli_Json *layer = rnli_layer(l, path);
  *p = (rnli_Pooling){.F = F};
  if (rnli_is_class(layer, "AttentionPool"))
    return load_attention(l, path, layer, p);
  p->kind = rnli_word_of(layer, "kind", "mean|max|last");
  if (rnli_is_class(layer, "Pool") && p->kind >= 0) return RNL_OK;
  return rnli_misfit(l, "has no fitting pool '%s'", path);
}


static void run_mean (const float *x, size_t T, size_t F, float *y) {
  for (size_t f = 0; f < F; f++) {
    double sum = 0;
    for (size_t t = 0; t < T; t++) sum += (double)x[t * F + f];
    y[f] = (float)sum / (float)T;
  }
}


static void run_max (const float *x, size_t T, size_t F, float *y) {
  memcpy(y, x, F * sizeof *y);
  for (size_t t = 1; t < T; t++)
    for (size_t f = 0; f < F; f++) {
      float v = x[t * F + f];
      if (!(v <= y[f]) && y[f] == y[f]) y[f] = v;   /* NaN stays */
    }
}


/* In place, of n numbers. */
static void soften (float *x, size_t n) {
  float scale = (float)(1 / rnli_exp_all(x, n, rnli_largest(x, n)));
  for (size_t i = 0; i < n; i++) x[i] *= scale;
}


/* y = sum_t p_t x_t, p = softmax of tanh(W x_t + b) . context. */
static int run_attention (const rnl_Model *m, const rnli_Pooling *p,
                          rnli_Work *w, const float *x, int T, float *y) {
  size_t n = (size_t)T, F = (size_t)p->F, H = (size_t)p->dense.out;
  float *u = rnli_floats(w, n, H), *a = rnli_floats(w, n, 1);
  double *sum = rnli_work(w, F, sizeof *sum);
  if (!u || !a || !sum) return RNL_ENOMEM;
  int status = rnli_dense(m, &p->dense, w, x, T, u, H);
  if (status != RNL_OK) return status;
  rnli_tanh_all(u, n * H);
  for (size_t t = 0; t < n; t++)
    a[t] = (float)rnli_dot(u + t * H, p->context, H);
  soften(a, n);
  memset(sum, 0, F * sizeof *sum);
  for (size_t t = 0; t < n; t++)
    for (size_t f = 0; f < F; f++)
      sum[f] += (double)a[t] * (double)x[t * F + f];
  for (size_t f = 0; f < F; f++) y[f] = (float)sum[f];
  return RNL_OK;
}


int rnli_pooling_run (const rnl_Model *m, const rnli_Pooling *p, rnli_Work *w,
                      const float *x, int T, float *y) {
  rnli_Mark mark = rnli_work_mark(w);
  size_t n = (size_t)T, F = (size_t)p->F;
  int status = RNL_OK;
  switch (p->kind) {
    case RNLI_POOL_MEAN: run_mean(x, n, F, y); break;
    case RNLI_POOL_MAX: run_max(x, n, F, y); break;
    case RNLI_POOL_LAST:
      memcpy(y, x + (n - 1) * F, F * sizeof *y);
      break;
    default: status = run_attention(m, p, w, x, T, y);
  }
  rnli_work_back(w, mark);
  return status;
}

/* }====================================================================== */

/* {== Steps as one vector ================================================ */

int rnli_reader (rnli_Loader *l, const char *net, const char *pool, int D,
                 rnli_Reader *r) {
  *r = (rnli_Reader){.D = D, .pools = rnli_layer(l, pool) != NULL};
  int status = rnli_recurrent(l, net, D, NULL, &r->net);
  if (status != RNL_OK) return status;
  if (r->net.dirs != 2 || r->net.S != r->net.H)
    return rnli_misfit(l, "its layer '%s' does not read in both directions",
                       net);
  r->F = 2 * r->net.S;
  if (!r->pools) return RNL_OK;
  if (D > INT32_MAX - r->F)
    return rnli_misfit(l, "its layer '%s' is too large", net);
  r->F += D;
  return rnli_pooling(l, pool, r->F, &r->pool);
}


int rnli_run_once (const rnl_Model *m, const rnli_Recurrent *r, rnli_Work *w,
                   int T, const float *x, float *y, float **h) {
  size_t lanes = (size_t)r->L * (size_t)r->dirs;
  float *c = rnli_floats(w, lanes, (size_t)r->H);
  int64_t t = 0;
  *h = rnli_floats(w, lanes, (size_t)r->S);
  if (!*h || !c) return RNL_ENOMEM;
  rnli_recurrent_begin(r, 1, *h, c);
  return rnli_recurrent_run(m, r, w, T, x, *h, c, &t, y);
}


int rnli_reader_run (const rnl_Model *m, const rnli_Reader *r, rnli_Work *w,
                     const float *x, int T, float *y) {
  rnli_Mark mark = rnli_work_mark(w);
  size_t n = (size_t)T, S = 2 * (size_t)r->net.S, D = (size_t)r->D;
  float *h, *z = NULL, *states = rnli_floats(w, n, S);
  if (!states) return RNL_ENOMEM;
  int status = rnli_run_once(m, &r->net, w, T, x, states, &h);
  if (status != RNL_OK) return status;
  if (r->pools) {
    z = rnli_floats(w, n, S + D);
    if (!z) return RNL_ENOMEM;
    rnli_copy(z, S + D, states, S, n, S);
    rnli_copy(z + S, S + D, x, D, n, D);
    status = rnli_pooling_run(m, &r->pool, w, z, T, y);
  } else {
    memcpy(y, h + (size_t)(r->net.L - 1) * S, S * sizeof *y);
  }
  rnli_work_back(w, mark);
  return status;
}

/* }====================================================================== */

/* {== Perceptrons ======================================================== */

enum { RELU, GELU, TANH, SIGMOID };
enum { MOST_LAYERS = 64 };

static int activation_of (const rnli_Json *layer) {
  return rnli_word_of(layer, "activation",
                      "relu|gelu|tanh|sigmoid|leaky_relu");
}


/* How many layers an MLP has; 0 when it is none, from 'in' to 'out'. */
static int count_layers (const rnli_Json *layer, int in, int out) {
  int n = 0;
  while (n <= MOST_LAYERS && rnli_size(layer, n) >= 1) n++;
  if (n < 2 || rnli_size(layer, 0) != in || rnli_size(layer, n - 1) != out ||
      rnli_json_count(rnli_json_get(layer, "sizes")) != (size_t)n)
    return 0;
  return n - 1;
}


int rnli_mlp (rnli_Loader *l, const char *path, int in, int out,
              rnli_Mlp *mlp) {
  const rnli_Json *layer = rnli_layer(l, path);
  int linear = rnli_is_class(layer, "Linear");
  int n = linear ? 1 : count_layers(layer, in, out), status = RNL_OK;
  *mlp = (rnli_Mlp){.n = n, .activation = activation_of(layer)};
  if (!linear && (!rnli_is_class(layer, "MLP") || n == 0 ||
                  mlp->activation < 0))
    return rnli_misfit(l, "has no fitting Linear or MLP '%s'", path);
  mlp->dense = rnli_keep(l, (size_t)n, sizeof *mlp->dense);
  if (!mlp->dense) return RNL_ENOMEM;
  if (linear) return rnli_linear(l, path, in, out, mlp->dense);
  for (int i = 0; status == RNL_OK && i < n; i++) {
    char inner[300];
    int to = rnli_size(layer, i + 1);
    snprintf(inner, sizeof inner, "%.250s.linear%d", path, i + 1);
    status = rnli_dense_load(l, inner, rnli_size(layer, i), to,
                             rnli_flag_of(layer, "bias", 1), &mlp->dense[i]);
    if (to > mlp->widest) mlp->widest = to;
  }
  return status;
}


static float activated (int activation, float x) {
  switch (activation) {
    case RELU: return x <= 0 ? 0 : x;
    case GELU: return x * (0.5f + 0.5f * erff(x * 0.70710678118654752f));
    case SIGMOID: return rnli_sigmoid(x);
    default: return x <= 0 ? 0.01f * x : x;   /* leaky */
  }
}


static void activate (int activation, float *x, size_t n) {
  if (activation == TANH) rnli_tanh_all(x, n);
  else for (size_t i = 0; i < n; i++) x[i] = activated(activation, x[i]);
}


int rnli_mlp_run (const rnl_Model *m, const rnli_Mlp *mlp, rnli_Work *w,
                  const float *x, int rows, float *y) {
  rnli_Mark mark = rnli_work_mark(w);
  size_t size = rnli_mul((size_t)rows, (size_t)mlp->widest);
  float *room[2] = {NULL, NULL};
  int status = RNL_OK;
  for (int i = 0; i < 2 && mlp->n > 1; i++) {
    room[i] = rnli_floats(w, size, 1);
    if (!room[i]) return RNL_ENOMEM;
  }
  for (int i = 0; status == RNL_OK && i < mlp->n; i++) {
    const rnli_Dense *d = &mlp->dense[i];
    float *to = i + 1 < mlp->n ? room[i % 2] : y;
    status = rnli_dense(m, d, w, x, rows, to, (size_t)d->out);
    if (i + 1 < mlp->n)
      activate(mlp->activation, to, (size_t)rows * (size_t)d->out);
    x = to;
  }
  rnli_work_back(w, mark);
  return status;
}

/* }====================================================================== */

/* {== Scores ============================================================= */

int rnli_finite (rnl_State *s, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i]))
      return rnli_error(s->ctx, RNL_EDIVERGED, "the scores are not finite: "
                        "the model has diverged or is damaged");
  return RNL_OK;
}


int rnli_softmax (rnl_State *s, float *x, size_t n) {
  int status = rnli_finite(s, x, n);
  if (status == RNL_OK) soften(x, n);
  return status;
}

/* }====================================================================== */
