/*
** optim.c - optimizers: state, hyper-parameters, clipping, the step. The
** update rules are rows of optims.def, one file each in src/optim.
**
** State (slots) and hyper-parameters never share memory: changing lr cannot
** reset a moment. All slots are made with the optimizer, so a step allocates
** nothing.
**
** A step: the norm of the gradients as they are, and no further if that is not
** finite; clip_adaptive row by row, in place; one factor for each parameter out
** of normalize, clip_each and clip_norm; then, chunk by chunk, the factor,
** clip_value and the rule.
*/
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"

enum { CLIP_NORM, CLIP_VALUE, CLIP_EACH, CLIP_ADAPTIVE, NORMALIZE, NCLIP };
enum {
  CHUNK = 4096,       /* elements clipped and updated at a time */
  SHARE = 4 * CHUNK,  /* elements of one parameter a worker takes */
  MANY = 1 << 16,     /* elements in all that are worth waking workers */
  LR = 0              /* the first hyper-parameter of every rule */
};

/* What of one parameter a worker takes; 'part' counts SHAREs. */
typedef struct Piece {
  int param, part;
  double squares;     /* of the gradient there, summed */
} Piece;

/* Values for some of the parameters; those not its own are the optimizer's. */
typedef struct Group {
  double hyper[RNL_MAX_HYPER];
  double factor;      /* of the optimizer's lr, the first hyper-parameter */
  unsigned own;       /* bit h: hyper[h] was set for this group */
} Group;

struct rnl_Optim {
  rnl_Context *ctx;
  int row;
  int n;                        /* parameters */
  rnl_Tensor **param;
  rnl_Tensor **slot;            /* n * RNL_MAX_SLOTS */
  uint64_t *steps;
  Piece *piece;                 /* of all parameters, in order */
  int pieces;
  size_t elements;              /* of all parameters */
  double *scale;                /* of each gradient in the step that runs */
  double hyper[RNL_MAX_HYPER];
  Group *group;
  int groups;
  int *member;                  /* group of each parameter */
  double clip[NCLIP];
};

/* {== The table ========================================================== */

#define RNLI_ROW(name) \
  extern const rnl_OptimKind rnli_optim_##name##_f32, rnli_optim_##name##_f64;
#include "optim/optims.def"
#undef RNLI_ROW

#define RNLI_ROW(name) {&rnli_optim_##name##_f32, &rnli_optim_##name##_f64},
static const rnl_OptimKind *const kinds[][2] = {
#include "optim/optims.def"
};
#undef RNLI_ROW

enum { NKINDS = sizeof kinds / sizeof kinds[0] };

static const char *const clip_name[NCLIP] = {
  "clip_norm", "clip_value", "clip_each", "clip_adaptive", "normalize"};


int rnl_optim_count (void) {
  return NKINDS;
}


const rnl_OptimKind *rnl_optim_at (int row) {
  return row >= 0 && row < NKINDS ? kinds[row][0] : NULL;
}


int rnl_optim_find (const char *name) {
  for (int i = 0; i < NKINDS; i++)
    if (strcmp(kinds[i][0]->name, name) == 0) return i;
  return -1;
}


const char *rnl_optim_clip (int i) {
  return i >= 0 && i < NCLIP ? clip_name[i] : NULL;
}

/* }====================================================================== */

/* {== Making ============================================================= */

static int check_params (rnl_Context *ctx, const char *kind,
                         rnl_Tensor *const *param, int n) {
  for (int i = 0; i < n; i++) {
    if (!param[i]->param)
      return rnli_error(ctx, RNL_EARG, "%s: tensor %d of %d is no parameter",
                        kind, i + ctx->base, n);
    for (int k = 0; k < i; k++)
      if (param[k] == param[i])
        return rnli_error(ctx, RNL_EARG, "%s: parameter %d is given twice",
                          kind, i + ctx->base);
  }
  return RNL_OK;
}


static int make_slots (rnl_Optim *opt) {
  const rnl_OptimKind *kind = kinds[opt->row][0];
  for (int i = 0; i < opt->n; i++) {
    const rnl_Tensor *p = opt->param[i];
    for (int s = 0; kind->slot[s]; s++) {
      int status = rnl_tensor_new(opt->ctx, (rnl_Dtype)p->dtype, p->ndim,
                                  p->dim, &opt->slot[i * RNL_MAX_SLOTS + s]);
      if (status != RNL_OK) return status;
    }
  }
  return RNL_OK;
}


static int count_pieces (const rnl_Tensor *p) {
  return (int)((p->count + SHARE - 1) / SHARE);
}


static void make_pieces (rnl_Optim *opt) {
  Piece *piece = opt->piece;
  for (int i = 0; i < opt->n; i++) {
    opt->elements += opt->param[i]->count;
    for (int k = 0; k < count_pieces(opt->param[i]); k++)
      *piece++ = (Piece){.param = i, .part = k};
  }
  opt->pieces = (int)(piece - opt->piece);
}


/* One block: the optimizer and its arrays. */
static rnl_Optim *optim_alloc (rnl_Context *ctx, rnl_Tensor *const *param,
                               int n) {
  size_t each = sizeof(uint64_t) + sizeof(double) + sizeof(int) +
                (1 + RNL_MAX_SLOTS) * sizeof(rnl_Tensor *);
  size_t pieces = 0;
  for (int i = 0; i < n; i++) pieces += (size_t)count_pieces(param[i]);
  size_t bytes = rnli_add(sizeof(rnl_Optim), rnli_mul((size_t)n, each));
  bytes = rnli_add(bytes, rnli_mul(pieces, sizeof(Piece)));
  rnl_Optim *opt = rnli_get(ctx, bytes);
  if (!opt) return NULL;
  memset(opt, 0, bytes);
  opt->steps = (uint64_t *)(opt + 1);
  opt->scale = (double *)(opt->steps + n);
  opt->piece = (Piece *)(opt->scale + n);
  opt->param = (rnl_Tensor **)(opt->piece + pieces);
  opt->slot = opt->param + n;
  opt->member = (int *)(opt->slot + (size_t)n * RNL_MAX_SLOTS);
  return opt;
}


int rnl_optim_divide (rnl_Optim *opt, const int *member, int groups) {
  for (int i = 0; i < opt->n; i++)
    if (member[i] < 0 || member[i] >= groups)
      return rnli_error(opt->ctx, RNL_EARG, "%s: parameter %d is in group %d "
                        "of %d", kinds[opt->row][0]->name, i, member[i],
                        groups);
  size_t bytes = rnli_mul((size_t)groups, sizeof(Group));
  Group *group = groups > 0 ? rnli_get(opt->ctx, bytes) : NULL;
  if (!group) return rnli_nomem(opt->ctx, "groups of parameters", bytes);
  for (int g = 0; g < groups; g++) {
    group[g] = (Group){.factor = 1};
    memcpy(group[g].hyper, opt->hyper, sizeof opt->hyper);
  }
  rnli_put(opt->ctx, opt->group);
  opt->group = group;
  opt->groups = groups;
  for (int i = 0; i < opt->n; i++) opt->member[i] = member[i];
  return RNL_OK;
}


int rnl_optim_new (rnl_Context *ctx, int row, rnl_Tensor *const *param, int n,
                   rnl_Optim **out) {
  *out = NULL;
  if (row < 0 || row >= NKINDS || n < 0)
    return rnli_error(ctx, RNL_EARG, "there is no optimizer %d", row);
  int status = check_params(ctx, kinds[row][0]->name, param, n);
  if (status != RNL_OK) return status;
  rnl_Optim *opt = optim_alloc(ctx, param, n);
  if (!opt) return rnli_nomem(ctx, "an optimizer", sizeof *opt);
  opt->ctx = ctx;
  opt->row = row;
  opt->n = n;
  rnl_context_retain(ctx);
  for (int i = 0; i < n; i++) {
    opt->param[i] = param[i];
    rnl_retain(param[i]);
  }
  make_pieces(opt);
  for (int h = 0; kinds[row][0]->hyper[h].name; h++)
    opt->hyper[h] = kinds[row][0]->hyper[h].value;
  status = rnl_optim_divide(opt, opt->member, 1);
  if (status == RNL_OK) status = make_slots(opt);
  if (status != RNL_OK) rnl_optim_free(opt);
  else *out = opt;
  return status;
}


void rnl_optim_free (rnl_Optim *opt) {
  if (!opt) return;
  rnl_Context *ctx = opt->ctx;
  for (int i = 0; i < opt->n; i++) {
    rnl_release(opt->param[i]);
    for (int s = 0; s < RNL_MAX_SLOTS; s++)
      rnl_release(opt->slot[i * RNL_MAX_SLOTS + s]);
  }
  rnli_put(ctx, opt->group);
  rnli_put(ctx, opt);
  rnl_context_release(ctx);
}

/* }====================================================================== */

/* {== Hyper-parameters and state ========================================= */

/* Position of 'name' among 'list', or -1. */
static int find_name (const rnl_Hyper *list, const char *name) {
  for (int h = 0; list[h].name; h++)
    if (strcmp(list[h].name, name) == 0) return h;
  return -1;
}


static int no_such (rnl_Optim *opt, const char *name, int clips) {
  const rnl_OptimKind *kind = kinds[opt->row][0];
  char known[300] = "";
  size_t n = 0;
  for (int h = 0; kind->hyper[h].name; h++)
    n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "",
                          kind->hyper[h].name);
  for (int h = 0; clips && h < NCLIP; h++)
    n += (size_t)snprintf(known + n, sizeof known - n, ", %s", clip_name[h]);
  return rnli_error(opt->ctx, RNL_EARG, "%s: unknown option '%s' (%s: %s)",
                    kind->name, name, clips ? "it has" : "a group has",
                    known);
}


/* Where a value of the optimizer itself is kept; NULL for no such name. */
static double *find_clip (rnl_Optim *opt, const char *name) {
  for (int h = 0; h < NCLIP; h++)
    if (strcmp(clip_name[h], name) == 0) return &opt->clip[h];
  return NULL;
}


int rnl_optim_get (rnl_Optim *opt, const char *name, double *value) {
  int h = find_name(kinds[opt->row][0]->hyper, name);
  const double *at = h >= 0 ? &opt->hyper[h] : find_clip(opt, name);
  if (!at) return no_such(opt, name, 1);
  *value = *at;
  return RNL_OK;
}


/* Decay rates of averages and powers lie below 1. */
static int is_rate (const char *name) {
  return strncmp(name, "beta", 4) == 0 || strcmp(name, "alpha") == 0 ||
         strcmp(name, "rho") == 0;
}


/* Nothing is negative, infinite or NaN. */
static int check_value (rnl_Optim *opt, const char *name, double value) {
  int rate = is_rate(name);
  if (value >= 0 && value <= 1e300 && !(rate && value >= 1)) return RNL_OK;
  return rnli_error(opt->ctx, RNL_EARG, "%s: '%s' must be %s, got %g",
                    kinds[opt->row][0]->name, name,
                    rate ? "in [0, 1)" : "finite and >= 0",
                    isnan(value) ? fabs(value) : value);
}


int rnl_optim_set (rnl_Optim *opt, const char *name, double value) {
  int h = find_name(kinds[opt->row][0]->hyper, name);
  double *at = h >= 0 ? &opt->hyper[h] : find_clip(opt, name);
  if (!at) return no_such(opt, name, 1);
  int status = check_value(opt, name, value);
  if (status != RNL_OK) return status;
  *at = value;
  for (int g = 0; h >= 0 && g < opt->groups; g++) {
    Group *group = &opt->group[g];
    if (h == LR) group->hyper[LR] = value * group->factor;
    else if (!(group->own >> h & 1)) group->hyper[h] = value;
  }
  return RNL_OK;
}


int rnl_optim_groups (const rnl_Optim *opt) {
  return opt->groups;
}


int rnl_optim_group_get (rnl_Optim *opt, int g, const char *name,
                         double *value) {
  int h = find_name(kinds[opt->row][0]->hyper, name);
  if (h < 0) return no_such(opt, name, 0);
  *value = opt->group[g].hyper[h];
  return RNL_OK;
}


int rnl_optim_group_set (rnl_Optim *opt, int g, const char *name,
                         double value) {
  Group *group = &opt->group[g];
  int h = find_name(kinds[opt->row][0]->hyper, name);
  if (h < 0) return no_such(opt, name, 0);
  int status = check_value(opt, name, value);
  if (status != RNL_OK) return status;
  if (h == LR && opt->hyper[LR] == 0)
    return rnli_error(opt->ctx, RNL_ESTATE, "%s: the 'lr' of a group is kept "
                      "as a multiple of the optimizer's, which is 0; set that "
                      "first", kinds[opt->row][0]->name);
  if (h == LR) group->factor = value / opt->hyper[LR];
  group->own |= 1u << h;
  group->hyper[h] = value;
  return RNL_OK;
}


int rnl_optim_kind (const rnl_Optim *opt) {
  return opt->row;
}


rnl_Tensor *rnl_optim_slot (rnl_Optim *opt, int i, int s) {
  return opt->slot[i * RNL_MAX_SLOTS + s];
}


uint64_t rnl_optim_steps (const rnl_Optim *opt, int i) {
  return opt->steps[i];
}


void rnl_optim_set_steps (rnl_Optim *opt, int i, uint64_t n) {
  opt->steps[i] = n;
}

/* }====================================================================== */

/* {== The step =========================================================== */

static void *from (const rnl_Tensor *t, size_t i) {
  return (char *)t->data + i * rnl_dtype_size((rnl_Dtype)t->dtype);
}


/* Elements [*at, *at + n) of its parameter; returns n. */
static size_t extent (const rnl_Optim *opt, const Piece *piece, size_t *at) {
  size_t count = opt->param[piece->param]->count;
  *at = (size_t)piece->part * SHARE;
  return count - *at < SHARE ? count - *at : SHARE;
}


/* Sums of squares in double, over fixed lanes so that they vectorise. */
enum { LANES = 16 };

static double total (double s[LANES]) {
  for (int k = LANES / 2; k > 0; k /= 2)
    for (int j = 0; j < k; j++) s[j] += s[j + k];
  return s[0];
}


RNLI_WIDE static double squares_f32 (const float *x, size_t n) {
  double s[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t k = 0; k < LANES; k++)
      s[k] += (double)x[i + k] * (double)x[i + k];
  for (size_t k = 0; i < n; i++, k++) s[k] += (double)x[i] * (double)x[i];
  return total(s);
}


RNLI_WIDE static double squares_f64 (const double *x, size_t n) {
  double s[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t k = 0; k < LANES; k++) s[k] += x[i + k] * x[i + k];
  for (size_t k = 0; i < n; i++, k++) s[k] += x[i] * x[i];
  return total(s);
}


static void over_pieces (rnl_Optim *opt, void (*fn) (void *, int)) {
  if (opt->elements >= MANY) {
    rnli_parallel(opt->ctx, opt->pieces, fn, opt);
    return;
  }
  for (int i = 0; i < opt->pieces; i++) fn(opt, i);
}


static double sum_squares (const rnl_Tensor *p, const void *x, size_t n) {
  return p->dtype == RNL_F64 ? squares_f64(x, n) : squares_f32(x, n);
}


static void sum_piece (void *arg, int i) {
  rnl_Optim *opt = arg;
  Piece *piece = &opt->piece[i];
  const rnl_Tensor *p = opt->param[piece->param];
  size_t at, n = extent(opt, piece, &at);
  piece->squares = p->has_grad ? sum_squares(p, from(p->grad, at), n) : 0;
}


/* Global norm; '*bad' is the first parameter whose gradient is not finite. */
static double grad_norm (rnl_Optim *opt, int *bad) {
  double sum = 0;
  *bad = -1;
  over_pieces(opt, sum_piece);
  for (int i = 0; i < opt->pieces; i++) {
    const Piece *piece = &opt->piece[i];
    if (!isfinite(piece->squares) && *bad < 0) *bad = piece->param;
    sum += piece->squares;
  }
  return sqrt(sum);
}


static void clip_f32 (float *g, size_t n, float scale, float limit) {
  for (size_t i = 0; i < n; i++) {
    float x = g[i] * scale;
    x = x > limit ? limit : x;
    g[i] = x < -limit ? -limit : x;
  }
}


static void clip_f64 (double *g, size_t n, double scale, double limit) {
  for (size_t i = 0; i < n; i++) {
    double x = g[i] * scale;
    x = x > limit ? limit : x;
    g[i] = x < -limit ? -limit : x;
  }
}


static void scale_by (const rnl_Tensor *p, void *g, size_t n, double scale,
                      double limit) {
  if (scale == 1 && limit == HUGE_VAL) return;
  if (p->dtype == RNL_F64) clip_f64(g, n, scale, limit);
  else clip_f32(g, n, (float)scale, (float)limit);
}


/*
** clip_adaptive (Brock et al. 2021): a row whose gradient is longer than that
** share of the row itself is cut to it. The rows that begin in a piece.
*/
static void adapt_piece (void *arg, int i) {
  rnl_Optim *opt = arg;
  const Piece *piece = &opt->piece[i];
  rnl_Tensor *p = opt->param[piece->param];
  size_t at, n = extent(opt, piece, &at);
  if (!p->has_grad || n == 0) return;
  size_t row = p->ndim > 1 ? p->count / (size_t)p->dim[0] : p->count;
  for (size_t k = (at + row - 1) / row * row; k < at + n; k += row) {
    double own = sqrt(sum_squares(p, from(p, k), row));
    double most = opt->clip[CLIP_ADAPTIVE] * (own > 1e-3 ? own : 1e-3);
    double norm = sqrt(sum_squares(p, from(p->grad, k), row));
    if (norm > most) scale_by(p, from(p->grad, k), row, most / norm, HUGE_VAL);
  }
}


/*
** Factor of one gradient for its own norm: 'normalize' gives it that norm (Yu
** et al. 2018), clip_each cuts it, as torch.nn.utils.clip_grad_norm_ of that
** parameter alone.
*/
static double own_factor (const rnl_Optim *opt, double norm) {
  double aim = opt->clip[NORMALIZE], most = opt->clip[CLIP_EACH];
  double scale = aim > 0 ? aim / (norm + 1e-6) : 1;
  double cut = most > 0 ? most / (norm * scale + 1e-6) : 1;
  return cut < 1 ? scale * cut : scale;
}


/* Factors of all gradients; clip_norm as torch.nn.utils.clip_grad_norm_. */
static void make_scales (rnl_Optim *opt) {
  double sum = 0, most = opt->clip[CLIP_NORM];
  for (int i = 0, k = 0; i < opt->n; i++) {
    double squares = 0;
    for (; k < opt->pieces && opt->piece[k].param == i; k++)
      squares += opt->piece[k].squares;
    opt->scale[i] = own_factor(opt, sqrt(squares));
    sum += squares * opt->scale[i] * opt->scale[i];
  }
  double cut = most > 0 ? most / (sqrt(sum) + 1e-6) : 1;
  for (int i = 0; i < opt->n && cut < 1; i++) opt->scale[i] *= cut;
}


/* Clips and updates chunk by chunk: what was clipped is still in the cache. */
static void update_piece (void *arg, int i) {
  rnl_Optim *opt = arg;
  const Piece *piece = &opt->piece[i];
  rnl_Tensor *p = opt->param[piece->param];
  rnl_Tensor *const *slot = &opt->slot[piece->param * RNL_MAX_SLOTS];
  int f64 = p->dtype == RNL_F64;
  double most = opt->clip[CLIP_VALUE];
  size_t at, n = extent(opt, piece, &at);
  rnl_Update u = {.hyper = opt->group[opt->member[piece->param]].hyper,
                  .step = opt->steps[piece->param]};
  if (!p->has_grad) return;
  for (size_t k = at; k < at + n; k += CHUNK) {
    u.n = at + n - k < CHUNK ? at + n - k : CHUNK;
    u.param = from(p, k);
    u.grad = from(p->grad, k);
    for (int s = 0; s < RNL_MAX_SLOTS; s++)
      u.slot[s] = slot[s] ? from(slot[s], k) : NULL;
    scale_by(p, u.grad, u.n, opt->scale[piece->param],
             most > 0 ? most : HUGE_VAL);
    kinds[opt->row][f64]->update(&u);
  }
}


static void update_all (rnl_Optim *opt) {
  if (opt->clip[CLIP_ADAPTIVE] > 0) {
    over_pieces(opt, adapt_piece);
    over_pieces(opt, sum_piece);
  }
  make_scales(opt);
  for (int i = 0; i < opt->n; i++)
    opt->steps[i] += opt->param[i]->has_grad;
  over_pieces(opt, update_piece);
  for (int i = 0; i < opt->n; i++)
    if (opt->param[i]->has_grad) rnl_touch(opt->param[i]);
}


void rnl_optim_clear (rnl_Optim *opt) {
  for (int i = 0; i < opt->n; i++) rnl_clear_grad(opt->param[i]);
}


double rnl_optim_norm (rnl_Optim *opt, int *bad) {
  int first_bad;
  double norm = grad_norm(opt, &first_bad);
  if (bad) *bad = first_bad;
  return norm;
}


int rnl_optim_step (rnl_Optim *opt, double *norm, int *bad) {
  double norm_now = rnl_optim_norm(opt, bad);
  if (norm) *norm = norm_now;
  if (!isfinite(norm_now)) {
    rnl_optim_clear(opt);
    return rnli_error(opt->ctx, RNL_EDIVERGED, "%s: the gradient is not "
                      "finite; the step was not applied",
                      kinds[opt->row][0]->name);
  }
  update_all(opt);
  rnl_optim_clear(opt);
  return RNL_OK;
}

/* }====================================================================== */
