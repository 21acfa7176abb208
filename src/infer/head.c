/*
** head.c - the layers that score ids.
*/
#include <math.h>
#include <stdio.h>

#include "infer/infer.h"

/* {== Loading ============================================================ */

static int load_linear (rnli_Loader *l, const char *path,
                        const rnli_Table *embed, rnli_Head *head) {
  const rnli_Json *layer = rnli_layer(l, path);
  const char *bias = rnli_flag_of(layer, "bias", 1) ? "bias" : NULL;
  if (!rnli_is_class(layer, "TiedLinear"))
    return rnli_matrix(l, path, "weight", bias, head->H, head->U,
                       &head->dense);
  if (!embed || embed->V < head->U || embed->D != head->H)
    return rnli_misfit(l, "its TiedLinear '%s' does not fit its embedding",
                       path);
  rnli_Weights w = {.in = head->H, .w = embed->row};
  return rnli_dense_read(l, &w, path, bias, head->U, &head->dense);
}


/* The cutoffs of an adaptive softmax; 0 when they are none of U ids. */
static int read_cutoffs (const rnli_Json *layer, int U, int *cutoff, int most) {
  const rnli_Json *list = rnli_json_get(rnli_json_get(layer, "options"),
                                        "cutoffs");
  int n = 0;
  for (const rnli_Json *x = rnli_json_first(list); x;
       x = rnli_json_next(x)) {
    int64_t id, least = (n ? cutoff[n - 1] : 0) + 1;
    if (n == most || !rnli_json_int(x, least, U - 1, &id)) return 0;
    cutoff[n++] = (int)id;
  }
  return n;
}


/* Units of cluster i, from 1: H // div_value^i; 0 when there are none. */
static int cluster_units (const rnli_Json *layer, int H, int i) {
  double units = floor(H / pow(rnli_number_of(layer, "div_value", 4), i));
  return units >= 1 && units <= INT32_MAX ? (int)units : 0;
}


static int load_cluster (rnli_Loader *l, const char *path, rnli_Head *head,
                         int i) {
  char name[64];
  int units = cluster_units(rnli_layer(l, path), head->H, i + 1);
  int last = i + 1 < head->clusters ? head->cutoff[i + 1] : head->U;
  if (units == 0)
    return rnli_misfit(l, "its AdaptiveSoftmax '%s' has no units in cluster "
                       "%d", path, i);
  snprintf(name, sizeof name, "tail.%d.0.weight", i);
  int status = rnli_matrix(l, path, name, NULL, head->H, units,
                           &head->low[i]);
  if (status != RNL_OK) return status;
  snprintf(name, sizeof name, "tail.%d.1.weight", i);
  return rnli_matrix(l, path, name, NULL, units, last - head->cutoff[i],
                     &head->high[i]);
}


enum { CLUSTERS = 64 };   /* at most */

static int load_adaptive (rnli_Loader *l, const char *path, rnli_Head *head) {
  const rnli_Json *layer = rnli_layer(l, path);
  int *cutoff = rnli_keep(l, CLUSTERS, sizeof *cutoff);
  if (!cutoff) return RNL_ENOMEM;
  head->cutoff = cutoff;
  head->clusters = read_cutoffs(layer, head->U, cutoff, CLUSTERS);
  if (head->clusters == 0)
    return rnli_misfit(l, "its AdaptiveSoftmax '%s' has no cutoffs that fit",
                       path);
  size_t n = (size_t)head->clusters;
  head->low = rnli_keep(l, n, sizeof *head->low);
  head->high = rnli_keep(l, n, sizeof *head->high);
  if (!head->low || !head->high) return RNL_ENOMEM;
  const char *bias = rnli_flag_of(layer, "head_bias", 0) ? "head.bias" : NULL;
  int status = rnli_matrix(l, path, "head.weight", bias, head->H,
                           cutoff[0] + head->clusters, &head->dense);
  for (int i = 0; status == RNL_OK && i < head->clusters; i++)
    status = load_cluster(l, path, head, i);
  return status;
}


int rnli_head (rnli_Loader *l, const char *path, const rnli_Table *embed,
               rnli_Head *head) {
  const rnli_Json *layer = rnli_layer(l, path);
  *head = (rnli_Head){.H = rnli_size(layer, 0), .U = rnli_size(layer, 1)};
  if (head->H < 1 || head->U < 1)
    return rnli_misfit(l, "its layer '%s' has no sizes", path);
  if (rnli_is_class(layer, "AdaptiveSoftmax"))
    return load_adaptive(l, path, head);
  if (rnli_is_class(layer, "Linear|TiedLinear|SampledSoftmax"))
    return load_linear(l, path, embed, head);
  return rnli_misfit(l, "its layer '%s' scores nothing", path);
}

/* }====================================================================== */

/* {== Running ============================================================ */

void rnli_log_softmax (float *x, size_t n) {
  float m, log_s = (float)rnli_log_total(x, n, &m);
  for (size_t i = 0; i < n; i++) x[i] = x[i] - m - log_s;
}


/* Cluster i of a row: log p of its ids to y, 'base' being its own. */
static int run_cluster (const rnl_Model *m, const rnli_Head *head,
                        rnli_Work *w, int i, const float *x, float base,
                        float *y) {
  size_t n = (size_t)head->high[i].out;
  float *low = rnli_floats(w, (size_t)head->low[i].out, 1);
  if (!low) return RNL_ENOMEM;
  int status = rnli_dense(m, &head->low[i], w, x, 1, low,
                          (size_t)head->low[i].out);
  if (status == RNL_OK) status = rnli_dense(m, &head->high[i], w, low, 1, y, n);
  if (status != RNL_OK) return status;
  rnli_log_softmax(y, n);
  for (size_t j = 0; j < n; j++) y[j] += base;
  return RNL_OK;
}


static int run_adaptive (const rnl_Model *m, const rnli_Head *head,
                         rnli_Work *w, const float *x, float *y) {
  size_t n = (size_t)head->dense.out, first = (size_t)head->cutoff[0];
  float *top = rnli_floats(w, n, 1);
  if (!top) return RNL_ENOMEM;
  int status = rnli_dense(m, &head->dense, w, x, 1, top, n);
  if (status != RNL_OK) return status;
  rnli_log_softmax(top, n);
  memcpy(y, top, first * sizeof *y);
  for (int i = 0; status == RNL_OK && i < head->clusters; i++)
    status = run_cluster(m, head, w, i, x, top[first + (size_t)i],
                         y + head->cutoff[i]);
  return status;
}


int rnli_head_run (const rnl_Model *m, const rnli_Head *head, rnli_Work *w,
                   const float *x, int N, float *y, size_t ld) {
  int status = RNL_OK;
  if (!head->clusters) return rnli_dense(m, &head->dense, w, x, N, y, ld);
  for (int n = 0; status == RNL_OK && n < N; n++) {
    rnli_Mark mark = rnli_work_mark(w);
    status = run_adaptive(m, head, w, x + (size_t)n * (size_t)head->H,
                          y + (size_t)n * ld);
    rnli_work_back(w, mark);
  }
  return status;
}

/* }====================================================================== */
