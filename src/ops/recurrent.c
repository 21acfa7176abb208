/*
** recurrent.c - rnn, lstm and gru over whole sequences, on the kernels.
**
** Forward. The weights are packed once. The input's product for a chunk of
** steps goes to the panels of gates; then each step adds the recurrent product
** to them and runs the cell on a tile while it is near. Rows of a batch do not
** depend on each other, so a worker takes some rows through all steps; with
** few rows, workers share the panels of each step instead.
**
** Backward goes through the chunks from the last to the first: the steps of a
** chunk give the gradients of its gates, and these, still near, the gradients
** of weights and of x. So the gradients of gates never need all of (T,N,4H).
**
** When x is an embedding of few ids, the input's product is
** made once for each distinct id instead of for each step and row, and so are
** its gradients.
**
** Every sum runs in an order that depends on the sizes only.
*/
#include <limits.h>

#include "ops/lengths.h"
#include "ops/sequence.h"

extern RNLI_OP(embedding);

/* {== Sizes and memory =================================================== */

/* Rows a little apart, so that they do not share cache sets. */
static Side side (const Run *r, int n, int w, int b, const int *gate,
                  const int *dgate, int first) {
  size_t k = words(r, (size_t)n);
  return (Side){.n = n, .k = k, .ld = (k + 15) / 16 * 16 + 16, .gate = gate,
                .dgate = dgate, .first = first, .w = r->c->in[w]->data,
                .bias = rnli_data(r->c, b)};
}


/* Ids whose products are worth making once: fewer than half the rows. */
static int distinct_ids (const rnl_Call *c, const rnli_Unit *u) {
  const rnl_Tensor *table = c->in[table_input(u)];
  int ids = (int)c->in[table_input(u) + 1]->count;
  return table->dim[0] < ids ? table->dim[0] : ids;
}


/* Once there are outputs: finds states and gates. */
static void find_states (Run *r) {
  rnl_Call *c = r->c;
  if (!c->out[Y]) return;
  real *y = c->out[Y]->data;
  r->hs = r->length ? c->keep[STATES] : r->reverse ? y : y - r->slot;
  r->first_cs = c->keep[CELLS];
  if (r->keeps) r->gates = c->keep[GATES];
}


Run rnli_run_of (rnl_Call *c, int unit) {
  const rnli_Unit *u = &rnli_unit[unit];
  const rnl_Tensor *x = input(c);
  int bf16 = c->attr[PRECISION].x != 0;
  Run r = {.c = c, .unit = unit, .u = u, .T = x->dim[0], .N = x->dim[1],
           .H = c->in[W_HH]->dim[1], .reverse = c->attr[REVERSE].x != 0};
  r.k = rnli_kernels(c->ctx->level, bf16 ? RNLI_BFLOAT : RNLI_REAL);
  r.relu = unit == RNLI_ELMAN && c->attr[NONLINEARITY].x != 0;
  if (u->cells) r.peep = rnli_data(c, PEEP);
  if (rnli_given(c, LENGTHS)) r.length = c->attr[LENGTHS].list;
  r.slot = (size_t)r.N * (size_t)r.H;
  r.W = RNLI_VECS * r.k->lanes;
  r.cols = u->vecs * r.k->lanes;
  r.units = u->groups * r.k->lanes;
  r.panels = rnli_ceil_div(r.H, r.units);
  r.ld = rnli_ceil_div(r.H, r.W) * r.W;
  r.steps = r.N ? rnli_ceil_div(CHUNK_ROWS, r.N) : 1;
  if (r.steps > r.T) r.steps = r.T;
  r.rows = (size_t)r.steps * (size_t)r.N;
  r.keeps = u->keeps && c->recording && c->attr[RECOMPUTE].x == 0;
  r.distinct = c->seen ? distinct_ids(c, u) : 0;
  if (r.steps < 1) r.steps = 1;
  r.x = side(&r, x->dim[2], W_IH, B_IH, u->x, u->dx, 0);
  r.h = side(&r, r.H, W_HH, B_HH, u->h, u->dh, u->dh_from);
  find_states(&r);
  return r;
}


static void forward_room (Run *r, rnli_Room *room) {
  size_t np = (size_t)r->panels, bytes = (size_t)r->k->word_bytes;
  size_t cols = (size_t)r->cols, distinct = (size_t)r->distinct;
  size_t x_rows = distinct ? distinct : r->rows;
  r->x.panels = rnli_take(room, rnli_mul(np * cols, r->x.k), bytes);
  r->h.panels = rnli_take(room, rnli_mul(np * cols, r->h.k), bytes);
  r->x.bias_panels = rnli_take(room, np * cols, sizeof(real));
  r->h.bias_panels = rnli_take(room, np * cols, sizeof(real));
  r->x.operand = rnli_take(room, rnli_mul(x_rows, r->x.ld), bytes);
  r->h.operand = rnli_take(room, rnli_mul((size_t)r->N, r->h.ld), bytes);
  if (!r->keeps)
    r->gates = rnli_take(room, panel_reals(r, r->rows), sizeof(real));
  if (!distinct) return;
  r->map = rnli_take(room, r->c->in[table_input(r->u) + 1]->count, sizeof(int));
  r->ids = rnli_take(room, distinct, sizeof(int));
  r->seen = rnli_take(room, (size_t)r->c->in[table_input(r->u)]->dim[0],
                      sizeof(int));
  r->table = rnli_take(room, panel_reals(r, distinct), sizeof(real));
}


static size_t back_panels (const Run *r, const Side *s) {
  size_t across = (size_t)rnli_ceil_div(s->n, r->W) * (size_t)r->W;
  size_t k = (size_t)r->panels * words(r, (size_t)r->cols);
  return rnli_mul(across, k);
}


/* Room for the rows of a factor as panels across its columns. */
static size_t row_panels (const Run *r, const Side *s, size_t rows) {
  size_t across = (size_t)rnli_ceil_div(s->n, r->W) * (size_t)r->W;
  return rnli_mul(across, words(r, rows));
}


static void backward_room (Run *r, rnli_Room *room) {
  size_t bytes = (size_t)r->k->word_bytes, state = (size_t)r->ld;
  size_t distinct = (size_t)r->distinct;
  size_t most = distinct > r->rows ? distinct : r->rows;
  size_t x_rows = distinct ? distinct : r->rows;
  size_t gates = panel_reals(r, most + 1);   /* an odd row has a partner */
  r->x.back = rnli_take(room, back_panels(r, &r->x), bytes);
  r->h.back = rnli_take(room, back_panels(r, &r->h), bytes);
  r->x.rows = rnli_take(room, row_panels(r, &r->x, x_rows), bytes);
  r->h.rows = rnli_take(room, row_panels(r, &r->h, r->rows), bytes);
  r->dh = rnli_take(room, rnli_mul((size_t)r->N, state), sizeof(real));
  if (r->u->cells) {
    r->dc = rnli_take(room, rnli_mul((size_t)r->N, state), sizeof(real));
    r->cs = rnli_take(room, rnli_mul((size_t)r->steps + 1, r->slot),
                      sizeof(real));
    r->all_cs = 1;
  }
  r->dgates = rnli_take(room, panel_reals(r, r->rows), sizeof(real));
  r->dgate_words = (char *)r->dgates;
  r->dgate_pairs = (char *)r->dgates;
  if (r->k->word > 1) {
    r->dgate_words = rnli_take(room, gates / 2, bytes);
    r->dgate_pairs = rnli_take(room, gates / 2, bytes);
  }
  if (distinct)
    r->dtable = rnli_take(room, panel_reals(r, distinct), sizeof(real));
}


/* What a run needs, and again with 'block' to deal it out. */
size_t rnli_forward_memory (Run *r, void *block) {
  rnli_Room room = {block, 0};
  forward_room(r, &room);
  return room.bytes;
}


/* Backward makes gates again unless they were kept, and maps ids. */
size_t rnli_backward_memory (Run *r, void *block) {
  rnli_Room room = {block, 0};
  forward_room(r, &room);
  backward_room(r, &room);
  return room.bytes;
}

/* }====================================================================== */

/* {== Check ============================================================== */

static int check_weights (rnl_Call *c, int gates) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W_HH];
  if (x->ndim != 3)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (T, N, D), got %s",
                     rnli_shape(x).text);
  if (w->ndim != 2 || w->dim[1] > INT_MAX / gates ||
      w->dim[0] != gates * w->dim[1])
    return rnli_fail(c, RNL_ESHAPE, "'w_hh' must be (%dH, H), got %s",
                     gates, rnli_shape(w).text);
  int want[2] = {w->dim[0], x->dim[2]};
  int status = rnli_expect(c, W_IH, 2, want);
  for (int b = B_IH; status == RNL_OK && b <= B_HH; b++)
    if (rnli_data(c, b)) status = rnli_expect(c, b, 1, want);
  return status;
}


static int check_states (rnl_Call *c, const rnli_Unit *u, int N, int H) {
  int want[2] = {N, H}, peep[2] = {3, H};
  for (int i = H0; i < table_input(u); i++) {
    if (!rnli_data(c, i)) continue;
    int status = rnli_expect(c, i, 2, i == PEEP ? peep : want);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}


static int check_all (rnl_Call *c, int unit) {
  int status = check_weights(c, rnli_unit[unit].gates);
  if (status != RNL_OK) return status;
  const rnl_Tensor *x = c->in[X];
  status = check_states(c, &rnli_unit[unit], x->dim[1], c->in[W_HH]->dim[1]);
  if (status == RNL_OK)
    status = rnli_check_lengths(c, LENGTHS, x->dim[1], x->dim[0]);
  if (status != RNL_OK) return status;
  if (rnli_mul((size_t)x->dim[0] + 1, (size_t)x->dim[1]) > INT_MAX)
    return rnli_fail(c, RNL_ESHAPE, "%d steps of %d rows are too many",
                     x->dim[0], x->dim[1]);
  if (RNLI_DTYPE == RNL_F64 && c->attr[PRECISION].x != 0)
    return rnli_fail(c, RNL_EDTYPE, "'precision' bf16 is for float32 tensors, "
                     "got float64");
  return RNL_OK;
}


/* Reads x through the embedding that made it, when that saves work. */
static void look_through (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  const rnl_Call *made = rnli_made_by(c, X, &RNLI_T(rnli_op_embedding));
  if (!made || x->count == 0) return;
  const rnl_Tensor *table = made->in[0], *ids = made->in[1];
  if ((size_t)table->dim[0] <= ids->count / 2) rnli_through(c, X);
}


int rnli_seq_check (rnl_Call *c, int unit) {
  int status = check_all(c, unit);
  if (status != RNL_OK) return status;
  look_through(c);
  Run r = rnli_run_of(c, unit);
  size_t states = rnli_mul(r.slot, ((size_t)r.T + 1) * sizeof(real));
  int y[3] = {r.T, r.N, r.H};
  rnli_out(c, Y, RNLI_DTYPE, 3, y);
  rnli_out(c, HN, RNLI_DTYPE, 2, y + 1);
  if (r.u->cells) rnli_out(c, CN, RNLI_DTYPE, 2, y + 1);
  if (r.length) c->keep_bytes[STATES] = states;
  else c->shape[Y].margin = r.slot;
  if (r.u->cells && c->recording)
    c->keep_bytes[CELLS] = rnli_mul(r.slot * sizeof(real),
                                    (size_t)rnli_ceil_div(r.T, r.steps));
  if (r.keeps)
    c->keep_bytes[GATES] =
      rnli_mul(panel_reals(&r, (size_t)r.T * (size_t)r.N), sizeof(real));
  c->scratch_bytes = rnli_forward_memory(&r, NULL);
  c->back_bytes = rnli_backward_memory(&r, NULL);
  return RNL_OK;
}

/* }====================================================================== */
