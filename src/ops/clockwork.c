/*
** clockwork.c - the Clockwork RNN over a whole sequence (Koutnik et al. 2014).
** The H units are modules of k units each, with periods that grow. Steps are
** counted from 'start' as they are processed, in reverse from the last one, for
** all rows. A module m runs at the steps whose number its period divides, on
** the states before the step; else its state stays:
**   h_m = f(x w_ih[m]' + b_ih[m] + b_hh[m] + sum_(j >= m) h_j w_hh[m,j]')
** So fast modules read slow ones, and what w_hh holds below its block diagonal
** is never read.
**
** Nothing is multiplied for a module that does not run. The input's product is
** made for all runs of a module at once. A state changes only when its module
** runs, so its products with the columns of w_hh that read it, the message to
** itself and to the faster modules, are made once a run; a module that runs
** adds up messages. Backward adds up the gradients of a message and takes them
** through w_hh once; gradients of weights wait until all steps are done.
**
** States are kept for each module by itself, a slot (N,k) before its first run
** and one after each; in reverse the slots run the other way, so that they lie
** in the order of time. A row whose length is over is carried: its states
** pass through unchanged, its output is 0.
**
** Keeps for backward: the states.
*/
#include <limits.h>

#include "kernels/vmath.h"
#include "ops/lengths.h"
#include "ops/linear.h"

enum { X, W_IH, W_HH, B_IH, B_HH, H0 };
enum { Y, HN };
enum { PERIODS, LENGTHS, REVERSE, NONLINEARITY, START };
enum {
  MODULES = 64,     /* at most */
  PART_ROWS = 16,   /* worth a worker's while */
  PARTS = 16,       /* of the rows, at most */
  PIECES = 8        /* of a copy */
};

typedef struct Module {
  int period;
  int first;          /* step of the first run; T: none */
  int runs;
  int width;          /* of a message: units that run at all and read it */
  real *states;       /* (runs+1,N,k) */
  real *message;      /* (N,width), of the state at hand */
  real *da;           /* (runs,N,k): gradients before f */
  real *dmessages;    /* (runs+1,N,width) */
} Module;

/* One call. */
typedef struct Run {
  rnl_Call *c;
  int T, N, D, H, k;
  int modules, start, reverse, relu;
  int parts;          /* of the rows, each taken through all steps */
  real *bias;         /* (H): b_ih + b_hh */
  real *rows;         /* of x at the runs of a module */
  real *dh;           /* (N,H) */
  Module module[MODULES];
} Run;

/* Some rows on their way through the steps. */
typedef struct Rows {
  const Run *r;
  int from, to;
} Rows;

/* {== The clock ========================================================== */

/* The first step from i on at which a module runs; it may lie beyond T. */
static int64_t next_run (const Run *r, const Module *m, int i) {
  int64_t past = ((int64_t)r->start + i) % m->period;
  return past ? i + m->period - past : i;
}


static int runs_at (const Module *m, int i) {
  return i >= m->first && (i - m->first) % m->period == 0;
}


static int runs_before (const Module *m, int i) {
  return i <= m->first ? 0 : (i - m->first - 1) / m->period + 1;
}


/* Modules, from the first, that hear module j from step i to its next run. */
static int hearers (const Run *r, int j, int i) {
  int64_t last = next_run(r, &r->module[j], i);
  if (last >= r->T) last = r->T - 1;
  for (int m = j; m >= 0; m--)
    if (next_run(r, &r->module[m], i) <= last) return m + 1;
  return 0;
}


static int time_of (const Run *r, int i) {
  return r->reverse ? r->T - 1 - i : i;
}


/* The time of a module's run, in the order of time. */
static int time_of_run (const Run *r, const Module *m, int run) {
  int first = m->first;
  if (r->reverse) first = r->T - 1 - (m->first + (m->runs - 1) * m->period);
  return first + run * m->period;
}

/* }====================================================================== */

/* {== Sizes and memory =================================================== */

static void set_clock (Run *r) {
  const rnli_Value *periods = &r->c->attr[PERIODS];
  int running = 0;
  for (int j = 0; j < r->modules; j++) {
    Module *m = &r->module[j];
    m->period = periods->list[j];
    int64_t first = next_run(r, m, 0);
    m->first = first < r->T ? (int)first : r->T;
    m->runs = runs_before(m, r->T);
    if (m->runs > 0) running = j + 1;
    m->width = running * r->k;
  }
}


static void keep_room (Run *r, rnli_Room *room) {
  size_t slot = rnli_mul((size_t)r->N, (size_t)r->k);
  for (int j = 0; j < r->modules; j++) {
    Module *m = &r->module[j];
    size_t slots = (size_t)m->runs + 1;
    m->states = rnli_take(room, rnli_mul(slots, slot), sizeof(real));
  }
}


/* Room for x at the runs of whichever module needs most. */
static void rows_room (Run *r, rnli_Room *room) {
  int runs = 0;
  for (int j = 0; j < r->modules; j++) {
    const Module *m = &r->module[j];
    if (m->runs > runs && m->runs < r->T) runs = m->runs;
  }
  size_t rows = (size_t)runs * (size_t)r->N;
  r->rows = rnli_take(room, rnli_mul(rows, (size_t)r->D), sizeof(real));
}


static void forward_room (Run *r, rnli_Room *room) {
  rows_room(r, room);
  r->bias = rnli_take(room, (size_t)r->H, sizeof(real));
  for (int j = 0; j < r->modules; j++) {
    Module *m = &r->module[j];
    size_t n = rnli_mul((size_t)r->N, (size_t)m->width);
    m->message = rnli_take(room, n, sizeof(real));
  }
}


static void backward_room (Run *r, rnli_Room *room) {
  size_t N = (size_t)r->N;
  rows_room(r, room);
  r->dh = rnli_take(room, rnli_mul(N, (size_t)r->H), sizeof(real));
  for (int j = 0; j < r->modules; j++) {
    Module *m = &r->module[j];
    size_t rows = (size_t)m->runs * N, width = (size_t)m->width;
    m->da = rnli_take(room, rnli_mul(rows, (size_t)r->k), sizeof(real));
    m->dmessages = rnli_take(room, rnli_mul(rows + N, width), sizeof(real));
  }
}


typedef void Deal (Run *r, rnli_Room *room);

/* Bytes of some memory; with 'block' deals it out. */
static size_t deal (Run *r, Deal *out, void *block) {
  rnli_Room room = {block, 0};
  out(r, &room);
  return room.bytes;
}


static Run run_of (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  Run r = {.c = c, .T = x->dim[0], .N = x->dim[1], .D = x->dim[2],
           .H = c->in[W_HH]->dim[0], .modules = c->attr[PERIODS].n,
           .start = (int)c->attr[START].x,
           .reverse = c->attr[REVERSE].x != 0,
           .relu = c->attr[NONLINEARITY].x != 0};
  r.k = r.H / r.modules;
  r.parts = r.N / PART_ROWS;
  if (r.parts < 1) r.parts = 1;
  if (r.parts > PARTS) r.parts = PARTS;
  set_clock(&r);
  deal(&r, keep_room, c->keep[0]);
  return r;
}

/* }====================================================================== */

/* {== Check ============================================================== */

static int check_shapes (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W_HH];
  if (x->ndim != 3)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (T, N, D), got %s",
                     rnli_shape(x).text);
  if (w->ndim != 2 || w->dim[0] != w->dim[1])
    return rnli_fail(c, RNL_ESHAPE, "'w_hh' must be (H, H), got %s",
                     rnli_shape(w).text);
  int T = x->dim[0], N = x->dim[1], H = w->dim[0];
  int status = rnli_expect(c, W_IH, 2, (int[]){H, x->dim[2]});
  for (int b = B_IH; status == RNL_OK && b <= B_HH; b++)
    if (rnli_data(c, b)) status = rnli_expect(c, b, 1, &H);
  if (status == RNL_OK && rnli_data(c, H0))
    status = rnli_expect(c, H0, 2, (int[]){N, H});
  if (status == RNL_OK && rnli_mul((size_t)T + 1, (size_t)N) > INT_MAX)
    return rnli_fail(c, RNL_ESHAPE, "%d steps of %d rows are too many", T, N);
  return status;
}


static int check_periods (rnl_Call *c) {
  const rnli_Value *v = &c->attr[PERIODS];
  int H = c->in[W_HH]->dim[0], before = 0;
  if (!rnli_given(c, PERIODS) || v->n < 1 || v->n > MODULES)
    return rnli_fail(c, RNL_EARG, "'periods' must be 1 to %d integers, got %d",
                     MODULES, v->n);
  for (int i = 0; i < v->n; before = v->list[i++])
    if (v->list[i] <= before)
      return rnli_fail(c, RNL_EARG, "'periods' must grow, from 1 or more, got "
                       "%d after %d", v->list[i], before);
  if (H % v->n != 0)
    return rnli_fail(c, RNL_ESHAPE, "%d 'periods' do not divide the %d units "
                     "of 'w_hh' into modules of one size", v->n, H);
  return RNL_OK;
}


static int check (rnl_Call *c) {
  int status = check_shapes(c);
  if (status == RNL_OK) status = check_periods(c);
  if (status != RNL_OK) return status;
  int T = c->in[X]->dim[0], N = c->in[X]->dim[1], H = c->in[W_HH]->dim[0];
  if (!(c->attr[START].x >= 0))
    return rnli_fail(c, RNL_EARG, "'start' must be at least 0, got %g",
                     c->attr[START].x);
  status = rnli_check_lengths(c, LENGTHS, N, T);
  if (status != RNL_OK) return status;
  Run r = run_of(c);
  rnli_out(c, Y, RNLI_DTYPE, 3, (int[]){T, N, H});
  rnli_out(c, HN, RNLI_DTYPE, 2, (int[]){N, H});
  c->keep_bytes[0] = deal(&r, keep_room, NULL);
  c->scratch_bytes = deal(&r, forward_room, NULL);
  c->back_bytes = deal(&r, backward_room, NULL);
  return rnli_blas_ready(c->ctx);
}

/* }====================================================================== */

/* {== Places ============================================================= */

/* Row n of a module's state after so many runs. */
static real *state_at (const Run *r, int j, int runs, int n) {
  const Module *m = &r->module[j];
  size_t slot = (size_t)(r->reverse ? m->runs - runs : runs);
  return m->states + (slot * (size_t)r->N + (size_t)n) * (size_t)r->k;
}


/* Row n of the gradient of the message of that state. */
static real *dmessage_at (const Run *r, int j, int runs, int n) {
  const Module *m = &r->module[j];
  size_t slot = (size_t)(r->reverse ? m->runs - runs : runs);
  size_t row = slot * (size_t)r->N + (size_t)n;
  return m->dmessages + row * (size_t)m->width;
}


/* Row n of the gradient before f of the run after so many. */
static real *da_at (const Run *r, int j, int runs, int n) {
  const Module *m = &r->module[j];
  size_t slot = (size_t)(r->reverse ? m->runs - 1 - runs : runs);
  return m->da + (slot * (size_t)r->N + (size_t)n) * (size_t)r->k;
}


static real *message_at (const Run *r, int j, int n) {
  return r->module[j].message + (size_t)n * (size_t)r->module[j].width;
}


/* The part of module j of row n of data (..,N,H), from step t on. */
static real *units_at (const Run *r, const void *data, int t, int n, int j) {
  size_t row = (size_t)t * (size_t)r->N + (size_t)n;
  return (real *)(uintptr_t)data + row * (size_t)r->H +
         (size_t)j * (size_t)r->k;
}


static int active (const Run *r, int n, int t) {
  return t < rnli_length(r->c, LENGTHS, n, r->T);
}


static size_t units_bytes (const Run *r) {
  return (size_t)r->k * sizeof(real);
}


RNLI_WIDE static void add (real *restrict sum, const real *restrict d,
                           size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += d[i];
}


/* The rows of x, or of its gradient, at time t. */
static real *input_at (const Run *r, const void *data, int t) {
  return (real *)(uintptr_t)data +
         (size_t)t * (size_t)r->N * (size_t)r->D;
}

/* }====================================================================== */

/* {== Steps of x at which a module runs ================================== */

typedef struct Copy {
  const Run *r;
  const Module *m;
} Copy;


static void gather_piece (void *arg, int piece) {
  const Copy *w = arg;
  const Run *r = w->r;
  size_t n = (size_t)r->N * (size_t)r->D;
  int i, to;
  rnli_share(w->m->runs, PIECES, piece, &i, &to);
  for (; i < to; i++)
    memcpy(r->rows + (size_t)i * n,
           input_at(r, rnli_data(r->c, X), time_of_run(r, w->m, i)),
           n * sizeof(real));
}


/* x at the runs of a module, in the order of time: (runs*N,D). */
static const real *rows_of (const Run *r, const Module *m) {
  Copy w = {r, m};
  if (m->runs == r->T) return rnli_data(r->c, X);
  rnli_parallel(r->c->ctx, PIECES, gather_piece, &w);
  return r->rows;
}


static void scatter_piece (void *arg, int piece) {
  const Copy *w = arg;
  const Run *r = w->r;
  size_t n = (size_t)r->N * (size_t)r->D;
  int i, to;
  rnli_share(w->m->runs, PIECES, piece, &i, &to);
  for (; i < to; i++)
    add(input_at(r, rnli_din(r->c, X), time_of_run(r, w->m, i)),
        r->rows + (size_t)i * n, n);
}

/* }====================================================================== */

/* {== Forward ============================================================ */

static void sum_biases (const Run *r) {
  const real *b_ih = rnli_data(r->c, B_IH), *b_hh = rnli_data(r->c, B_HH);
  for (int i = 0; i < r->H; i++)
    r->bias[i] = (b_ih ? b_ih[i] : 0) + (b_hh ? b_hh[i] : 0);
}


/* The input's products of all runs go to where their states will be. */
static void input_product (const Run *r, int j) {
  const Module *m = &r->module[j];
  const real *w = r->c->in[W_IH]->data;
  size_t slot = (size_t)r->N * (size_t)r->k;
  if (m->runs == 0) return;
  rnli_gemm(r->c->ctx, 0, 1, m->runs * r->N, r->k, r->D, rows_of(r, m), r->D,
            w + (size_t)j * (size_t)r->k * (size_t)r->D, r->D, 0,
            m->states + (r->reverse ? 0 : slot), r->k);
}


/* Products of some rows: on this thread, when rows are shared. */
static rnl_Context *context_of (const Run *r) {
  return r->parts == 1 ? r->c->ctx : NULL;
}


/* What the state of module j says from step i on. */
static void send (const Rows *w, int j, int i) {
  const Run *r = w->r;
  const Module *m = &r->module[j];
  rnli_gemm(context_of(r), 0, 1, w->to - w->from, hearers(r, j, i) * r->k,
            r->k, state_at(r, j, runs_before(m, i), w->from), r->k,
            (const real *)r->c->in[W_HH]->data + j * r->k, r->H, 0,
            message_at(r, j, w->from), m->width);
}


/* h, so far the input's product of row n, becomes the state of module j. */
RNLI_WIDE static void activate (const Run *r, int j, int n, real *restrict h) {
  size_t k = (size_t)r->k, at = (size_t)j * k;
  const real *bias = r->bias + at;
  for (size_t u = 0; u < k; u++) h[u] += bias[u];
  for (; j < r->modules; j++) {
    const real *message = message_at(r, j, n) + at;
    for (size_t u = 0; u < k; u++) h[u] += message[u];
  }
  if (r->relu)
    for (size_t u = 0; u < k; u++) h[u] = h[u] <= 0 ? 0 : h[u];
  else
    for (size_t u = 0; u < k; u++) h[u] = rnli_tanh(h[u]);
}


static void run_module (const Rows *w, int j, int i) {
  const Run *r = w->r;
  int runs = runs_before(&r->module[j], i), t = time_of(r, i);
  for (int n = w->from; n < w->to; n++) {
    real *h = state_at(r, j, runs + 1, n);
    if (active(r, n, t)) activate(r, j, n, h);
    else memcpy(h, state_at(r, j, runs, n), units_bytes(r));
  }
}


/* Copies the states before step i to row t of data (..,N,H). */
static void show_states (const Rows *w, int i, void *data, int t) {
  const Run *r = w->r;
  for (int j = 0; j < r->modules; j++) {
    int runs = runs_before(&r->module[j], i);
    for (int n = w->from; n < w->to; n++)
      memcpy(units_at(r, data, t, n, j), state_at(r, j, runs, n),
             units_bytes(r));
  }
}


static void output_step (const Rows *w, int i) {
  const Run *r = w->r;
  real *y = r->c->out[Y]->data;
  int t = time_of(r, i);
  show_states(w, i + 1, y, t);
  for (int n = w->from; n < w->to; n++)
    if (!active(r, n, t))
      memset(units_at(r, y, t, n, 0), 0, (size_t)r->H * sizeof *y);
}


static void first_states (const Rows *w) {
  const Run *r = w->r;
  const real *h0 = rnli_data(r->c, H0);
  for (int j = 0; j < r->modules; j++)
    for (int n = w->from; n < w->to; n++) {
      real *h = state_at(r, j, 0, n);
      if (h0) memcpy(h, units_at(r, h0, 0, n, j), units_bytes(r));
      else memset(h, 0, units_bytes(r));
    }
}


static void forward_part (void *arg, int part) {
  Rows w = {.r = arg};
  const Run *r = w.r;
  rnli_share(r->N, r->parts, part, &w.from, &w.to);
  first_states(&w);
  for (int i = 0; i < r->T; i++) {
    for (int j = 0; j < r->modules; j++)
      if (i == 0 || runs_at(&r->module[j], i - 1)) send(&w, j, i);
    for (int j = 0; j < r->modules; j++)
      if (runs_at(&r->module[j], i)) run_module(&w, j, i);
    output_step(&w, i);
  }
  show_states(&w, r->T, r->c->out[HN]->data, 0);
}


static void clockwork_forward (rnl_Call *c) {
  Run r = run_of(c);
  if (c->out[HN]->count == 0) return;
  deal(&r, forward_room, c->scratch);
  sum_biases(&r);
  for (int j = 0; j < r.modules; j++) input_product(&r, j);
  rnli_parallel(c->ctx, r.parts, forward_part, &r);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* The gradient of what module j said from step i on goes to its state. */
static void receive (const Rows *w, int j, int i) {
  const Run *r = w->r;
  const Module *m = &r->module[j];
  int width = hearers(r, j, i) * r->k;
  if (width == 0) return;
  rnli_gemm(context_of(r), 0, 0, w->to - w->from, r->k, width,
            dmessage_at(r, j, runs_before(m, i), w->from), m->width,
            (const real *)r->c->in[W_HH]->data + j * r->k, r->H, 1,
            units_at(r, r->dh, 0, w->from, j), r->H);
}


/* da = dh f'(h), and nothing is left of dh. */
RNLI_WIDE static void derive (const Run *r, const real *restrict h,
                              real *restrict dh, real *restrict da) {
  size_t k = (size_t)r->k;
  if (r->relu)
    for (size_t u = 0; u < k; u++) da[u] = h[u] <= 0 ? 0 : dh[u];
  else
    for (size_t u = 0; u < k; u++) da[u] = dh[u] * (1 - h[u] * h[u]);
  memset(dh, 0, k * sizeof *dh);
}


static void unrun_module (const Rows *w, int j, int i) {
  const Run *r = w->r;
  int runs = runs_before(&r->module[j], i), t = time_of(r, i);
  for (int n = w->from; n < w->to; n++) {
    real *da = da_at(r, j, runs, n);
    if (active(r, n, t))
      derive(r, state_at(r, j, runs + 1, n), units_at(r, r->dh, 0, n, j), da);
    else
      memset(da, 0, units_bytes(r));
  }
}


/* The gradient of a run of module j, for all who told it something. */
static void answer (const Rows *w, int j, int i) {
  const Run *r = w->r;
  int runs = runs_before(&r->module[j], i);
  size_t k = (size_t)r->k;
  for (int from = j; from < r->modules; from++) {
    int told = runs_before(&r->module[from], i);
    for (int n = w->from; n < w->to; n++)
      add(dmessage_at(r, from, told, n) + (size_t)j * k,
          da_at(r, j, runs, n), k);
  }
}


static void output_grads (const Rows *w, int i) {
  const Run *r = w->r;
  const real *dy = rnli_dout(r->c, Y);
  int t = time_of(r, i);
  for (int n = w->from; dy && n < w->to; n++)
    if (active(r, n, t))
      add(units_at(r, r->dh, 0, n, 0), units_at(r, dy, t, n, 0),
          (size_t)r->H);
}


static void last_grads (const Rows *w) {
  const real *dhn = rnli_dout(w->r->c, HN);
  real *dh = units_at(w->r, w->r->dh, 0, w->from, 0);
  size_t n = (size_t)(w->to - w->from) * (size_t)w->r->H;
  if (dhn) memcpy(dh, units_at(w->r, dhn, 0, w->from, 0), n * sizeof *dh);
  else memset(dh, 0, n * sizeof *dh);
}


static void backward_part (void *arg, int part) {
  Rows w = {.r = arg};
  const Run *r = w.r;
  real *dh0 = rnli_din(r->c, H0);
  rnli_share(r->N, r->parts, part, &w.from, &w.to);
  last_grads(&w);
  for (int i = r->T; i-- > 0;) {
    for (int j = 0; j < r->modules; j++)
      if (runs_at(&r->module[j], i)) receive(&w, j, i + 1);
    output_grads(&w, i);
    for (int j = 0; j < r->modules; j++)
      if (runs_at(&r->module[j], i)) {
        unrun_module(&w, j, i);
        answer(&w, j, i);
      }
  }
  if (!dh0) return;
  for (int j = 0; j < r->modules; j++) receive(&w, j, 0);
  add(units_at(r, dh0, 0, w.from, 0), units_at(r, r->dh, 0, w.from, 0),
      (size_t)(w.to - w.from) * (size_t)r->H);
}


/* The columns of w_hh that read module j: dw += dmessages' states. */
static void column_grads (const Run *r, int j) {
  const Module *m = &r->module[j];
  real *dw = rnli_din(r->c, W_HH);
  if (dw)
    rnli_gemm(r->c->ctx, 1, 0, m->width, r->k, (m->runs + 1) * r->N,
              m->dmessages, m->width, m->states, r->k, 1, dw + j * r->k,
              r->H);
}


static void bias_grads (const Run *r, int j) {
  const Module *m = &r->module[j];
  for (int b = B_IH; b <= B_HH; b++) {
    real *db = rnli_din(r->c, b);
    rnli_Linear l = {.rows = (size_t)m->runs * (size_t)r->N, .D = r->D,
                     .O = r->k, .db = db ? db + j * r->k : NULL};
    rnli_linear_grads(r->c->ctx, &l, m->da);
  }
}


/* dw_ih += da' x   dx += da w_ih, at the runs of module j. */
static void input_grads (const Run *r, int j) {
  const Module *m = &r->module[j];
  rnl_Context *ctx = r->c->ctx;
  size_t at = (size_t)j * (size_t)r->k * (size_t)r->D;
  real *dw = rnli_din(r->c, W_IH), *dx = rnli_din(r->c, X);
  int rows = m->runs * r->N, whole = m->runs == r->T;
  if (rows == 0) return;
  if (dw)
    rnli_gemm(ctx, 1, 0, r->k, r->D, rows, m->da, r->k, rows_of(r, m), r->D, 1,
              dw + at, r->D);
  if (!dx) return;
  rnli_gemm(ctx, 0, 0, rows, r->D, r->k, m->da, r->k,
            (const real *)r->c->in[W_IH]->data + at, r->D,
            whole ? 1 : 0, whole ? dx : r->rows, r->D);
  Copy w = {r, m};
  if (!whole) rnli_parallel(ctx, PIECES, scatter_piece, &w);
}


static void clockwork_backward (rnl_Call *c) {
  Run r = run_of(c);
  if (c->out[HN]->count == 0) return;
  deal(&r, backward_room, c->scratch);
  for (int j = 0; j < r.modules; j++) {
    const Module *m = &r.module[j];
    size_t rows = ((size_t)m->runs + 1) * (size_t)r.N;
    rnli_clear(c->ctx, m->dmessages, rows * (size_t)m->width * sizeof(real));
  }
  rnli_parallel(c->ctx, r.parts, backward_part, &r);
  for (int j = 0; j < r.modules; j++) {
    column_grads(&r, j);
    bias_grads(&r, j);
    input_grads(&r, j);
  }
}

/* }====================================================================== */

RNLI_OP(clockwork) = {
  .name = "clockwork",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT}},
  .out = {"y", "hn"},
  .attr = {[PERIODS] = {"periods", RNL_AT_INTS, RNL_NONE, NULL},
           [LENGTHS] = {"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           [REVERSE] = {"reverse", RNL_AT_BOOL, 0, NULL},
           [NONLINEARITY] = {"nonlinearity", RNL_AT_WORD, 0, "tanh|relu"},
           [START] = {"start", RNL_AT_INT, 0, NULL}},
  .check = check,
  .forward = clockwork_forward,
  .backward = clockwork_backward,
  .doc = "Clockwork RNN over a sequence: x (T,N,D), w_ih (H,D), w_hh (H,H), "
         "b_ih and b_hh (H), h0 (N,H) give y (T,N,H) and hn (N,H). The units "
         "are modules of one size, one for each of the growing 'periods'; a "
         "module runs at steps that its period divides and reads itself and "
         "the slower ones. Steps are counted as they are processed, for all "
         "rows, from 'start'. Row n has lengths[n] steps.",
};
