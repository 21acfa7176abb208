/*
** stream.c - streams of a model that is stepped: one token, or some numbers, at
** a time. What a step changes lies in one block, which is copied to fork, to
** save and to restore it.
*/
#include <math.h>

#include "infer/infer.h"

/* {== Memory ============================================================= */

static const rnli_Steps *steps_of (const rnl_State *s) {
  return s->model->made;
}


/* Deals out the block of N streams. */
static rnli_Streams streams_room (const rnl_State *s, void *block) {
  const rnli_Steps *m = steps_of(s);
  rnli_Room room = {block, 0};
  rnli_Streams z;
  size_t N = (size_t)s->N, W = (size_t)RNLI_VECS * (size_t)s->model->k->lanes;
  size_t lanes = rnli_mul((size_t)m->net.L, N);
  z.t = rnli_take(&room, 1, sizeof *z.t);
  z.seen = rnli_take(&room, 1, sizeof *z.seen);
  z.h = rnli_take(&room, lanes, (size_t)m->net.S * sizeof *z.h);
  z.c = rnli_take(&room, m->net.cells ? lanes : 0,
                  (size_t)m->net.H * sizeof *z.c);
  z.ld = ((size_t)m->head.U + W - 1) / W * W;
  z.outputs = rnli_take(&room, N, z.ld * sizeof *z.outputs);
  z.recent = rnli_take(&room, N, 2 * (size_t)s->history * sizeof *z.recent);
  z.bytes = room.bytes;
  return z;
}


static void begin (rnl_State *s) {
  rnli_Streams *z = &s->now;
  memset(z->t, 0, z->bytes);   /* 't' is where the block begins */
  rnli_recurrent_begin(&steps_of(s)->net, s->N, z->h, z->c);
  s->stream = (rnli_Stream){.tok = s->model->tok};
}


/* Sees that a step finds its work memory: it is taken by a first one. */
static int warm (rnl_State *s) {
  const rnli_Steps *m = steps_of(s);
  size_t n = rnli_mul((size_t)s->N, (size_t)m->net.D);
  int status = RNL_OK;
  if (!rnli_work(&s->work, s->now.bytes, 1)) return RNL_ENOMEM;   /* select */
  rnli_work_reset(&s->work);
  for (int i = 0; status == RNL_OK && i < 2; i++) {
    float *x = m->embed.row ? NULL : rnli_floats(&s->work, n, 1);
    if (x) memset(x, 0, n * sizeof *x);
    else if (!m->embed.row) return RNL_ENOMEM;
    status = rnli_step(s, x);
  }
  rnli_work_reset(&s->work);
  return status;
}


int rnli_streams_begin (rnl_State *s) {
  const rnli_Steps *m = steps_of(s);
  size_t N = (size_t)s->N;
  size_t bytes = streams_room(s, NULL).bytes;
  void *block = rnli_work(&s->lasting, bytes, 1);
  s->y = rnli_floats(&s->lasting, N, (size_t)m->net.S);
  s->ids = rnli_work(&s->lasting, N, sizeof *s->ids);
  s->draw = rnli_work(&s->lasting, RNL_DRAW_WORK(m->head.U), 1);
  if (!block || !s->y || !s->ids || !s->draw) return RNL_ENOMEM;
  s->now = streams_room(s, block);
  memset(s->ids, 0, N * sizeof *s->ids);
  begin(s);
  int status = warm(s);
  begin(s);
  return status;
}

/* }====================================================================== */

/* {== A step ============================================================= */

int rnli_expect_kind (rnl_State *s, const rnli_Kind *kind) {
  if (s->model->kind == kind) return RNL_OK;
  return rnli_error(s->ctx, RNL_ESTATE, "a model of the kind '%s' is no '%s'",
                    s->model->kind->name, kind->name);
}


/* The rows of s->ids: of the table of products, or of the embedding. */
static int load_ids (rnl_State *s, float **x) {
  const rnli_Steps *m = steps_of(s);
  size_t D = (size_t)m->embed.D;
  *x = NULL;
  if (m->net.V > 0) return RNL_OK;
  *x = rnli_floats(&s->work, (size_t)s->N, D);
  if (!*x) return RNL_ENOMEM;
  rnli_embed(&m->embed, s->ids, s->N, *x, D);
  return RNL_OK;
}


int rnli_step (rnl_State *s, const float *x) {
  const rnli_Steps *m = steps_of(s);
  rnli_Streams *z = &s->now;
  float *rows = NULL;
  int status = m->embed.row ? load_ids(s, &rows) : RNL_OK;
  if (status == RNL_OK)
    status = rnli_recurrent_step(s->model, &m->net, &s->work, s->N,
                                 rows ? rows : x, m->net.V > 0 ? s->ids : NULL,
                                 z->h, z->c, z->t, s->y);
  if (status == RNL_OK)
    status = rnli_head_run(s->model, &m->head, &s->work, s->y, s->N,
                           z->outputs, z->ld);
  rnli_work_reset(&s->work);
  return status;
}


/* 'count' ids of each stream. */
static int check_ids (rnl_State *s, const int32_t *ids, size_t count) {
  int base = s->ctx->base, V = s->model->sizes.ids;
  for (size_t i = 0; i < count * (size_t)s->N; i++) {
    if (ids[i] >= 0 && ids[i] < V) continue;
    return rnli_error(s->ctx, RNL_EARG, "id %lld of stream %d; ids run from "
                      "%d to %d", (long long)ids[i] + base,
                      (int)(i / count) + base, base, V - 1 + base);
  }
  return RNL_OK;
}


/* Remembers what each stream has just read. */
static void remember (rnl_State *s) {
  size_t history = (size_t)s->history;
  int64_t *seen = s->now.seen;
  int full = *seen == 2 * (int64_t)history;
  if (history == 0) return;
  if (full) *seen = (int64_t)history;
  for (int n = 0; n < s->N; n++) {
    int32_t *row = s->now.recent + (size_t)n * 2 * history;
    if (full) memcpy(row, row + history, history * sizeof *row);
    row[*seen] = s->ids[n];
  }
  ++*seen;
}


static int read_ids (rnl_State *s, const int32_t *ids) {
  memcpy(s->ids, ids, (size_t)s->N * sizeof *ids);
  int status = rnli_step(s, NULL);
  if (status == RNL_OK) remember(s);
  return status;
}


int rnl_state_step (rnl_State *s, const int32_t *ids) {
  int status = rnli_expect_kind(s, &rnli_kind_lm);
  if (status == RNL_OK) status = check_ids(s, ids, 1);
  return status == RNL_OK ? read_ids(s, ids) : status;
}


int rnl_state_put (rnl_State *s, const float *x) {
  int status = rnli_expect_kind(s, &rnli_kind_net);
  return status == RNL_OK ? rnli_step(s, x) : status;
}


const float *rnl_state_outputs (const rnl_State *s, int stream) {
  if (!s->now.outputs || stream < 0 || stream >= s->N) return NULL;
  return s->now.outputs + (size_t)stream * s->now.ld;
}

/* }====================================================================== */

/* {== What streams hold ================================================== */

int rnl_state_parts (rnl_State *s, rnl_Parts *out) {
  if (!s->now.t)
    return rnli_error(s->ctx, RNL_ESTATE, "a model of the kind '%s' has no "
                      "streams", s->model->kind->name);
  const rnli_Recurrent *net = &steps_of(s)->net;
  *out = (rnl_Parts){.layers = net->L, .streams = s->N, .units = net->S,
                     .cells = net->cells ? net->H : 0,
                     .outputs = s->model->sizes.outputs, .h = s->now.h,
                     .c = net->cells ? s->now.c : NULL,
                     .t = net->u ? NULL : s->now.t};
  return RNL_OK;
}


void rnl_state_set_outputs (rnl_State *s, int stream, const float *y) {
  float *to = s->now.outputs + (size_t)stream * s->now.ld;
  size_t bytes = (size_t)s->model->sizes.outputs * sizeof *y;
  if (y) memcpy(to, y, bytes);
  else memset(to, 0, bytes);
}


const int32_t *rnl_state_recent (const rnl_State *s, int stream, int *n) {
  int seen = (int)*s->now.seen;
  *n = seen < s->history ? seen : s->history;
  return s->now.recent + (size_t)stream * 2 * (size_t)s->history + (seen - *n);
}


int rnl_state_set_recent (rnl_State *s, const int32_t *ids, int n) {
  int status = check_ids(s, ids, (size_t)n);
  if (status != RNL_OK) return status;
  int kept = n < s->history ? n : s->history;
  *s->now.seen = kept;
  for (int i = 0; i < s->N; i++)
    memcpy(s->now.recent + (size_t)i * 2 * (size_t)s->history,
           ids + (size_t)(i + 1) * (size_t)n - kept,
           (size_t)kept * sizeof *ids);
  return RNL_OK;
}


void rnl_state_reset (rnl_State *s) {
  if (s->now.t) begin(s);
}

/* }====================================================================== */

/* {== Drawing and scoring ================================================ */

static int draw_ids (rnl_State *s, const rnl_Draw *d, rnl_Rng *rng,
                     int32_t *ids) {
  for (int n = 0; n < s->N; n++) {
    int nrecent;
    const int32_t *recent = rnl_state_recent(s, n, &nrecent);
    ids[n] = rnl_draw(rnl_state_outputs(s, n), s->model->sizes.outputs, d,
                      recent, nrecent, &rng[n], s->draw);
    if (ids[n] < 0)
      return rnli_error(s->ctx, RNL_EDIVERGED, "the logits of stream %d are "
                        "not finite: the model has diverged or is damaged",
                        n + s->ctx->base);
  }
  return RNL_OK;
}


static int check_sample (rnl_State *s, const rnl_Draw *d, int T) {
  const rnl_Sizes *sizes = &s->model->sizes;
  int status = rnli_expect_kind(s, &rnli_kind_lm);
  if (status == RNL_OK) status = rnl_draw_check(s->ctx, d);
  if (status != RNL_OK) return status;
  if (T < 0)
    return rnli_error(s->ctx, RNL_EARG, "cannot draw %d ids", T);
  if (d->penalty != 1 && d->window > s->history)
    return rnli_error(s->ctx, RNL_EARG, "a penalty over %d ids needs a state "
                      "with 'history' of so many, it has %d", d->window,
                      s->history);
  if (sizes->outputs > sizes->ids)
    return rnli_error(s->ctx, RNL_ESTATE, "the model has %d outputs but reads "
                      "only %d ids", sizes->outputs, sizes->ids);
  return RNL_OK;
}


int rnl_state_sample (rnl_State *s, const rnl_Draw *d, rnl_Rng *rng, int T,
                      int32_t *ids) {
  static const rnl_Draw plain = RNL_DRAW;
  if (!d) d = &plain;
  int status = check_sample(s, d, T);
  for (int t = 0; status == RNL_OK && t < T; t++, ids += s->N) {
    status = draw_ids(s, d, rng, ids);
    if (status == RNL_OK) status = read_ids(s, ids);
  }
  return status;
}


/* -log p of an id after the last step of a stream. */
static double surprise (const rnl_State *s, int stream, int32_t id) {
  size_t U = (size_t)s->model->sizes.outputs;
  const float *x = rnl_state_outputs(s, stream);
  if ((size_t)id >= U) return HUGE_VAL;
  float m;
  double log_s = rnli_log_total(x, U, &m);
  return log_s + (double)m - (double)x[id];
}


int rnl_state_score (rnl_State *s, const int32_t *ids, size_t T,
                     double *nats) {
  int status = rnli_expect_kind(s, &rnli_kind_lm);
  for (size_t t = 0; status == RNL_OK && t < T; t++)
    if (ids[t] < 0 || ids[t] >= s->model->sizes.ids)
      status = rnli_error(s->ctx, RNL_EARG, "id %ld at %zu; ids run from 0 to "
                          "%d", (long)ids[t], t, s->model->sizes.ids - 1);
  for (int n = 0; status == RNL_OK && nats && n < s->N; n++) nats[n] = 0;
  for (size_t t = 0; status == RNL_OK && t < T; t++) {
    for (int n = 0; n < s->N; n++) {
      if (nats) nats[n] += surprise(s, n, ids[t]);
      s->ids[n] = ids[t];
    }
    status = rnli_step(s, NULL);
    if (status == RNL_OK) remember(s);
  }
  return status;
}

/* }====================================================================== */

/* {== Copies ============================================================= */

/*
** Rows of 'bytes' change places by 'from', which is checked: with a copy of
** them in the work memory.
*/
static void select_rows (rnl_State *s, void *rows, size_t bytes,
                         const int32_t *from, char *spare) {
  size_t N = (size_t)s->N;
  memcpy(spare, rows, N * bytes);
  for (size_t n = 0; n < N; n++)
    memcpy((char *)rows + n * bytes, spare + (size_t)from[n] * bytes, bytes);
}


int rnl_state_select (rnl_State *s, const int32_t *from) {
  const rnli_Steps *m = steps_of(s);
  rnli_Streams *z = &s->now;
  int base = s->ctx->base;
  if (!z->t) return rnli_error(s->ctx, RNL_ESTATE, "the model has no streams");
  for (int n = 0; n < s->N; n++)
    if (from[n] < 0 || from[n] >= s->N)
      return rnli_error(s->ctx, RNL_EARG, "there is no stream %lld; they run "
                        "from %d to %d", (long long)from[n] + base, base,
                        s->N - 1 + base);
  char *spare = rnli_work(&s->work, z->bytes, 1);
  if (!spare) return RNL_ENOMEM;
  size_t S = (size_t)m->net.S, H = (size_t)m->net.H, N = (size_t)s->N;
  for (size_t l = 0; l < (size_t)m->net.L; l++) {
    select_rows(s, z->h + l * N * S, S * sizeof *z->h, from, spare);
    if (m->net.cells)
      select_rows(s, z->c + l * N * H, H * sizeof *z->c, from, spare);
  }
  select_rows(s, z->outputs, z->ld * sizeof *z->outputs, from, spare);
  select_rows(s, z->recent, 2 * (size_t)s->history * sizeof *z->recent, from,
              spare);
  rnli_work_reset(&s->work);
  return RNL_OK;
}

/* }====================================================================== */
