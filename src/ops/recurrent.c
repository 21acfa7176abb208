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
#include "ops/places.h"

extern RNLI_OP(embedding);

/* {== Sizes and memory =================================================== */

/* Rows a little apart, so that they do not share cache sets. */
static Side side (const Run *r, int n, int w, int b,
                  const rnli_Product *product) {
  size_t k = words(r, (size_t)n);
  return (Side){.n = n, .k = k, .ld = (k + 15) / 16 * 16 + 16,
                .product = product, .cols = product->vecs * r->k->lanes,
                .w = r->c->in[w]->data, .bias = rnli_data(r->c, b)};
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
  if (!r->keeps) return;
  r->gates = c->keep[GATES];
  if (r->norm.w) rnli_norm_room(r, &(rnli_Room){c->keep[NORMS], 0});
}


static double zoneout_c (const Run *r) {
  return r->u->cells ? r->c->attr[ZONEOUT_C].x : 0;
}


/* The options of a run's cells. */
static rnli_Cell options (Run *r) {
  const rnl_Call *c = r->c;
  rnli_Cell cell = {.H = r->H, .ld = r->ld};
  cell.zone_h = (real)c->attr[ZONEOUT].x;
  cell.zone_c = (real)zoneout_c(r);
  if (r->unit == RNLI_ELMAN) cell.relu = c->attr[NONLINEARITY].x != 0;
  else cell.hard = c->attr[GATE_ACTIVATION].x != 0;
  cell.coupled = r->unit == RNLI_CIFG;
  if (r->u->cells) cell.peep = rnli_data(c, PEEP);
  if (r->norm.w)
    cell.norm = r->norm.w + 2 * (size_t)r->u->gates * (size_t)r->H;
  cell.varied = cell.hard || cell.coupled || cell.peep || cell.zone_h > 0 ||
                cell.zone_c > 0 || cell.norm || r->proj.w || r->inner.w;
  r->zones = c->keep[ZONES];
  if (cell.zone_h > 0) cell.keep_h = r->zones;
  if (cell.zone_c > 0 && r->zones) cell.keep_c = r->zones + zone_bytes(r);
  return cell;
}


Run rnli_run_of (rnl_Call *c, int unit) {
  const rnli_Unit *u = &rnli_unit[unit];
  const rnl_Tensor *x = input(c);
  int bf16 = c->attr[PRECISION].x != 0;
  Run r = {.c = c, .unit = unit, .u = u, .T = x->dim[0], .N = x->dim[1],
           .H = c->in[W_HH]->dim[0] / u->gates, .S = c->in[W_HH]->dim[1],
           .reverse = c->attr[REVERSE].x != 0};
  r.k = rnli_kernels(c->ctx->level, bf16 ? RNLI_BFLOAT : RNLI_REAL);
  if (rnli_given(c, LENGTHS)) r.length = c->attr[LENGTHS].list;
  r.slot = (size_t)r.N * (size_t)r.S;
  r.cell_slot = (size_t)r.N * (size_t)r.H;
  r.W = RNLI_VECS * r.k->lanes;
  r.units = u->groups * r.k->lanes;
  r.panels = rnli_ceil_div(r.H, r.units);
  r.ld = rnli_ceil_div(r.H, r.W) * r.W;
  r.dh_ld = rnli_ceil_div(r.S, r.W) * r.W;
  r.steps = r.N ? rnli_ceil_div(CHUNK_ROWS, r.N) : 1;
  if (r.steps > r.T) r.steps = r.T;
  r.rows = (size_t)r.steps * (size_t)r.N;
  r.keeps = u->keeps && c->recording && c->attr[RECOMPUTE].x == 0;
  r.distinct = c->seen ? distinct_ids(c, u) : 0;
  if (r.steps < 1) r.steps = 1;
  r.x = side(&r, x->dim[2], W_IH, B_IH, &u->x);
  r.h = side(&r, r.S, W_HH, B_HH, &u->h);
  if (u->inner.vecs) r.inner = side(&r, r.H, W_HH, B_HH, &u->inner);
  if (u->cells) r.norm.w = rnli_data(c, NORM);
  if (u->cells) r.proj.w = rnli_data(c, W_HR);
  find_states(&r);
  r.cell = options(&r);
  return r;
}


/* Panels of w', biases, and 'rows' rows of a factor as words. */
static void side_room (const Run *r, Side *s, size_t rows, rnli_Room *room) {
  size_t cols = (size_t)r->panels * (size_t)s->cols;
  size_t bytes = (size_t)r->k->word_bytes;
  s->panels = rnli_take(room, rnli_mul(cols, s->k), bytes);
  s->bias_panels = rnli_take(room, cols, sizeof(real));
  s->operand = rnli_take(room, rnli_mul(rows, s->ld), bytes);
}


static void forward_room (Run *r, rnli_Room *room) {
  size_t distinct = (size_t)r->distinct, N = (size_t)r->N;
  size_t steps = r->back ? (size_t)r->steps : 1;
  side_room(r, &r->x, distinct ? distinct : r->rows, room);
  side_room(r, &r->h, N, room);
  if (r->inner.w) side_room(r, &r->inner, N, room);
  if (r->proj.w) rnli_project_room(r, room);
  if (r->inner.w || r->proj.w)
    r->inners = rnli_take(room, rnli_mul(steps, r->cell_slot), sizeof(real));
  if (r->norm.w) rnli_norm_pack_room(r, room);
  if (!r->keeps && r->norm.w) rnli_norm_room(r, room);
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
  size_t across = (size_t)factor_panels(r, s) * (size_t)r->W;
  size_t k = (size_t)r->panels * words(r, (size_t)s->cols);
  return rnli_mul(across, k);
}


/* Room for the rows of a factor as panels across its columns. */
static size_t row_panels (const Run *r, const Side *s, size_t rows) {
  size_t across = (size_t)factor_panels(r, s) * (size_t)r->W;
  return rnli_mul(across, words(r, rows));
}


/* Panels of w and of a factor of that many rows. */
static void side_back_room (const Run *r, Side *s, size_t rows,
                            rnli_Room *room) {
  size_t bytes = (size_t)r->k->word_bytes;
  s->back = rnli_take(room, back_panels(r, s), bytes);
  s->rows = rnli_take(room, row_panels(r, s, rows), bytes);
}


/* Gradients of gates: reals, and as words of two kinds. */
static void dgates_room (const Run *r, Side *s, rnli_Room *room) {
  size_t bytes = (size_t)r->k->word_bytes, distinct = (size_t)r->distinct;
  size_t most = distinct > r->rows ? distinct : r->rows;
  size_t gates = panel_reals(r, most + 1);   /* an odd row has a partner */
  s->dgates = rnli_take(room, panel_reals(r, r->rows), sizeof(real));
  s->dgate_words = s->dgate_pairs = (char *)s->dgates;
  if (r->k->word == 1) return;
  s->dgate_words = rnli_take(room, gates / 2, bytes);
  s->dgate_pairs = rnli_take(room, gates / 2, bytes);
}


/* All products share the gradients of gates, except under a norm. */
static void share_dgates (Run *r, rnli_Room *room) {
  dgates_room(r, &r->x, room);
  Side *others[] = {&r->h, &r->inner};
  for (int i = 0; i < 2; i++) {
    others[i]->dgates = r->x.dgates;
    others[i]->dgate_words = r->x.dgate_words;
    others[i]->dgate_pairs = r->x.dgate_pairs;
  }
  r->dgates = r->x.dgates;
  if (!r->norm.w) return;
  dgates_room(r, &r->h, room);
  r->dgates = rnli_take(room, panel_reals(r, r->rows), sizeof(real));
  rnli_norm_back_room(r, room);
}


static void backward_room (Run *r, rnli_Room *room) {
  size_t N = (size_t)r->N, distinct = (size_t)r->distinct;
  size_t states = rnli_mul(N, (size_t)r->ld);
  side_back_room(r, &r->x, distinct ? distinct : r->rows, room);
  side_back_room(r, &r->h, r->rows, room);
  if (r->inner.w) side_back_room(r, &r->inner, r->rows, room);
  if (r->proj.w) rnli_project_back_room(r, room);
  if (r->inner.w || r->proj.w)
    r->dinner = rnli_take(room, states, sizeof(real));
  r->dh = rnli_take(room, rnli_mul(N, (size_t)r->dh_ld), sizeof(real));
  if (r->u->cells) {
    r->dc = rnli_take(room, states, sizeof(real));
    r->cs = rnli_take(room, rnli_mul((size_t)r->steps + 1, r->cell_slot),
                      sizeof(real));
  }
  share_dgates(r, room);
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
  r->back = 1;
  forward_room(r, &room);
  backward_room(r, &room);
  return room.bytes;
}

/* }====================================================================== */

/* {== Check ============================================================== */

static int projected (const rnl_Call *c, const rnli_Unit *u) {
  return u->cells && W_HR < c->nin && c->in[W_HR];
}


static int check_weights (rnl_Call *c, const rnli_Unit *u) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W_HH];
  int gates = u->gates, free = projected(c, u);
  if (x->ndim != 3)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (T, N, D), got %s",
                     rnli_shape(x).text);
  if (w->ndim != 2 || w->dim[0] % gates ||
      (free ? w->count == 0 : w->dim[0] / gates != w->dim[1]))
    return rnli_fail(c, RNL_ESHAPE, "'w_hh' must be (%dH, %s, got %s",
                     gates, free ? "S) with H, S >= 1" : "H)",
                     rnli_shape(w).text);
  int want[2] = {w->dim[0], x->dim[2]};
  int status = rnli_expect(c, W_IH, 2, want);
  for (int b = B_IH; status == RNL_OK && b <= B_HH; b++)
    if (rnli_data(c, b)) status = rnli_expect(c, b, 1, want);
  return status;
}


/* The inputs after the biases. */
static int check_states (rnl_Call *c, const rnli_Unit *u) {
  const rnl_Tensor *w = c->in[W_HH];
  int N = c->in[X]->dim[1], G = u->gates, H = w->dim[0] / G, S = w->dim[1];
  const int want[][2] = {
    [H0] = {N, S}, [C0] = {N, H}, [PEEP] = {G - 1, H},
    [NORM] = {2 * G + 2, H}, [W_HR] = {S, H}
  };
  for (int i = H0; i < table_input(u); i++) {
    if (i >= c->nin || !c->in[i]) continue;
    int status = rnli_expect(c, i, 2, want[i]);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}


static int check_chance (rnl_Call *c, int a) {
  double p = c->attr[a].x;
  if (p >= 0 && p <= 1) return RNL_OK;
  return rnli_fail(c, RNL_EARG, "'%s' must be from 0 to 1, got %g",
                   c->op->attr[a].name, p);
}


static int check_all (rnl_Call *c, int unit) {
  const rnli_Unit *u = &rnli_unit[unit];
  int status = check_chance(c, ZONEOUT);
  if (status == RNL_OK && u->cells) status = check_chance(c, ZONEOUT_C);
  if (status == RNL_OK) status = check_weights(c, u);
  if (status != RNL_OK) return status;
  if (projected(c, u) && c->attr[ZONEOUT].x > 0)
    return rnli_fail(c, RNL_EARG, "'zoneout' is not for a projected state; "
                     "use 'zoneout_c'");
  const rnl_Tensor *x = c->in[X];
  status = check_states(c, u);
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
  int y[3] = {r.T, r.N, r.S}, cn[2] = {r.N, r.H};
  rnli_out(c, Y, RNLI_DTYPE, 3, y);
  rnli_out(c, HN, RNLI_DTYPE, 2, y + 1);
  if (r.u->cells) rnli_out(c, CN, RNLI_DTYPE, 2, cn);
  if (r.length) c->keep_bytes[STATES] = states;
  else c->shape[Y].margin = r.slot;
  if (r.u->cells && c->recording)
    c->keep_bytes[CELLS] = rnli_mul(r.cell_slot * sizeof(real),
                                    (size_t)rnli_ceil_div(r.T, r.steps));
  if (r.keeps)
    c->keep_bytes[GATES] =
      rnli_mul(panel_reals(&r, (size_t)r.T * (size_t)r.N), sizeof(real));
  if (r.keeps && r.norm.w) {
    rnli_Room room = {NULL, 0};
    rnli_norm_room(&r, &room);
    c->keep_bytes[NORMS] = room.bytes;
  }
  if (c->taped && (r.cell.zone_h > 0 || r.cell.zone_c > 0))
    c->keep_bytes[ZONES] = rnli_mul(zone_bytes(&r), 2);
  c->scratch_bytes = rnli_forward_memory(&r, NULL);
  c->back_bytes = rnli_backward_memory(&r, NULL);
  return r.proj.w && c->recording ? rnli_blas_ready(c->ctx) : RNL_OK;
}

/* }====================================================================== */
